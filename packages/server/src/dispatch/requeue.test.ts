// A request that comes back from its instance is given out again, whatever is known of its deployment by then.
import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import { until } from '../../testing/until.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { Instance } from '../instances/fleet.ts';
import { createLiveIndex } from '../requests/live.ts';
import { createLog } from '../telemetry/log.ts';
import { createBoard, type DispatchDeps, slotsOf } from './board.ts';
import { pump } from './loop.ts';
import { requeue } from './perform.ts';
import { forgetPools, joinPool, learnPool } from './pools.ts';

const pool: Pool = { key: 'deployment:d1', isScaled: true, fingerprint: 'v1' };
const instance = { id: 'i1', pool: pool.key, spec: { fingerprint: 'v1' }, since: 0, busyMs: 0, phase: 'ready' };

function makeBoardOfOne() {
  const leased: string[] = [];
  const lease = ({ requestId }: { requestId: string }) => {
    leased.push(requestId);
    return new Promise<boolean>(() => undefined);
  };
  const live = createLiveIndex();
  const execution = { clock: { now: () => 0 }, log: createLog('silent'), live, writes: { lease } };
  const directory = { find: async () => ({ maxInstances: 1 }) };
  const deps = { newId: () => 'p1', directory, poolOf: () => pool, execution } as unknown as DispatchDeps;
  const board = createBoard(deps, pump);
  board.isOpen = true;
  joinPool(board, slotsOf(board, instance as unknown as Instance));
  const request = makeLiveRequest({ losses: 1 });
  live.add(request);
  return { board, request, leased };
}

it('after a start, when nobody has asked for its deployment yet', async () => {
  const { board, request, leased } = makeBoardOfOne();
  requeue(board, request);
  await until('it is given out', () => leased.length === 1);
  expect(request.instanceId).toBe('i1');
});

it('after an edit of any deployment while it ran', async () => {
  const { board, request, leased } = makeBoardOfOne();
  learnPool(board, 'd1', { pool, max: 1 });
  forgetPools(board);
  requeue(board, request);
  await until('it is given out', () => leased.length === 1);
  expect(request.instanceId).toBe('i1');
});
