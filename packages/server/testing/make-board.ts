// The real board of dispatch without a database and without runs: what is given to an instance stays there until the test
// says that it is over. Leases are written at once, and nothing is sent.

import type { Pool } from '../src/deployments/pool.pure.ts';
import { type Board, createBoard, type DispatchDeps, slotsOf } from '../src/dispatch/board.ts';
import { pump } from '../src/dispatch/loop.ts';
import { joinPool, quitPool } from '../src/dispatch/pools.ts';
import { leave, type Slots } from '../src/dispatch/slots.ts';
import type { Instance } from '../src/instances/fleet.ts';
import type { LiveRequest } from '../src/requests/live.ts';

export interface BoardOptions {
  /** Of each deployment; every deployment is in the default pool without it. */
  readonly pools?: Record<string, Pool>;
  readonly max?: Record<string, number>;
  readonly readyInMs?: DispatchDeps['readyInMs'];
  readonly onGiven?: (request: LiveRequest, slots: Slots) => void;
}

export interface TestBoard {
  readonly board: Board;
  readonly clock: { now: number };
  /** What was given out, in its order. */
  readonly given: LiveRequest[];
  addInstance(id: string, made?: { pool?: string; fingerprint?: string }): Slots;
  quit(slots: Slots): void;
  /** Its run is over, as perform.ts tells of it. */
  end(request: LiveRequest): void;
}

export function makeBoard({ pools, max = {}, readyInMs, onGiven }: BoardOptions = {}): TestBoard {
  const clock = { now: 0 };
  const given: LiveRequest[] = [];
  const lease = ({ requestId }: { requestId: string }) => {
    const request = waiting.get(requestId);
    const slots = request && board.slotsById.get(request.instanceId ?? '');
    if (request && slots) {
      given.push(request);
      onGiven?.(request, slots);
    }
    return new Promise<boolean>(() => undefined);
  };
  const deps = {
    newId: () => `p${given.length}`,
    readyInMs,
    ...(pools === undefined ? {} : { poolOf: () => undefined }),
    execution: { clock: { now: () => clock.now }, writes: { lease } },
  } as unknown as DispatchDeps;
  const board = createBoard(deps, (of) => {
    pump(of);
    for (const index of of.indexes.values()) index.leasing = 0;
  });
  const waiting = new Map<string, LiveRequest>();
  const { push } = board.waiting;
  Object.assign(board.waiting, {
    push(request: LiveRequest) {
      waiting.set(request.id, request);
      push(request);
    },
  });
  for (const [id, count] of Object.entries(max)) board.limits.set(id, count);
  for (const [id, pool] of Object.entries(pools ?? {})) board.pools.set(id, pool);
  board.isOpen = true;
  return {
    board,
    clock,
    given,
    addInstance(id, { pool = 'default', fingerprint } = {}) {
      const spec = fingerprint === undefined ? undefined : { fingerprint };
      const instance = { id, pool, spec, since: clock.now, phase: 'ready' } as unknown as Instance;
      const slots = slotsOf(board, instance);
      joinPool(board, slots);
      board.pump();
      return slots;
    },
    quit(slots) {
      quitPool(board, slots);
      board.pump();
    },
    end(request) {
      const slots = board.slotsById.get(request.instanceId ?? '');
      if (slots) leave(slots, request.deploymentId);
      board.pump();
    },
  };
}
