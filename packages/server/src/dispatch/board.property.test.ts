// Whatever happens in whatever order: the order of an account is kept, nobody is on more instances than allowed or on
// somebody else's, and nothing waits while an instance that may take it has room.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { makeBoard, type TestBoard } from '../../testing/make-board.ts';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { LiveRequest } from '../requests/live.ts';
import type { RequestPayload } from '../requests/payload.ts';
import { reserve } from './accept.ts';
import { room } from './give-ahead.pure.ts';
import { forgetSlots, joinPool, learnPool, mayRunOn } from './pools.ts';
import { learnRun, leave, type Slots } from './slots.ts';

const DEFAULT: Pool = { key: 'default', isScaled: false, fingerprint: '' };
const own = (id: string, version: number): Pool => ({
  key: `deployment:${id}`,
  isScaled: true,
  fingerprint: `v${version}`,
});

/** Two accounts; one deployment has instances of its own. */
const DEPLOYMENTS: readonly { id: string; accountId: string; isOwn: boolean }[] = [
  { id: 'd1', accountId: 'a1', isOwn: false },
  { id: 'd2', accountId: 'a1', isOwn: false },
  { id: 'd3', accountId: 'a2', isOwn: false },
  { id: 'd4', accountId: 'a1', isOwn: true },
];

type Step =
  | { kind: 'submit'; deployment: number; priority: number }
  | { kind: 'end'; index: number }
  | { kind: 'requeue'; index: number }
  | { kind: 'lose'; index: number }
  | { kind: 'gone'; index: number }
  | { kind: 'rejoin'; index: number }
  | { kind: 'learnRun'; index: number; runMs: number }
  | { kind: 'add'; isOwn: boolean; version: number }
  | { kind: 'edit'; deployment: number; max: number; version: number };

const index = fc.nat(1_000);
const deployment = fc.nat(DEPLOYMENTS.length - 1);
const version = fc.nat(1);
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('submit'), deployment, priority: fc.integer({ min: -1, max: 1 }) }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('end'), index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('requeue'), index }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('lose', 'gone', 'rejoin'), index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('learnRun'), index, runMs: fc.constantFrom(5, 500, 5_000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add'), isOwn: fc.boolean(), version }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('edit'), deployment, max: fc.integer({ min: 1, max: 4 }), version }),
  },
);

interface Play extends TestBoard {
  /** Each deployment's graph loads a model of its name. */
  readonly withModels: boolean;
  readonly slots: Slots[];
  readonly requests: LiveRequest[];
}

function begin({ withModels }: { withModels: boolean }): Play {
  const ids = DEPLOYMENTS.map(({ id }) => id);
  const play: Play = {
    ...makeBoard({
      pools: Object.fromEntries(DEPLOYMENTS.map(({ id, isOwn }) => [id, isOwn ? own(id, 0) : DEFAULT])),
      max: Object.fromEntries(ids.map((id) => [id, 2])),
      onGiven: (request, slots) => {
        checkPlace(play, request, slots);
        if (!withModels) checkOrder(play, request, slots);
      },
    }),
    withModels,
    slots: [],
    requests: [],
  };
  return play;
}

function checkPlace({ board }: Play, request: LiveRequest, slots: Slots) {
  expect(slots.instance.pool).toBe(board.pools.get(request.deploymentId)?.key);
  expect(board.spread.get(request.deploymentId)?.size).toBeLessThanOrEqual(board.limits.get(request.deploymentId) ?? 1);
}

function checkOrder({ board, requests }: Play, request: LiveRequest, slots: Slots) {
  const overtaken = requests.find(
    (other) =>
      board.waiting.rank(other) !== undefined &&
      other.accountId === request.accountId &&
      other.priority >= request.priority &&
      other.createdAt < request.createdAt &&
      mayRunOn(board, other.deploymentId, slots),
  );
  expect(overtaken).toBeUndefined();
}

function checkNothingIsStuck({ board, slots }: Play) {
  for (const lane of board.waiting.lanes()) {
    const idle = slots.find((each) => each.link.list && room(each) > 0 && mayRunOn(board, lane.deploymentId, each));
    expect(idle?.instance.id).toBeUndefined();
  }
}

/** As it was before there was an index: what each instance is said to have is what it has. */
function checkIndex({ board, slots }: Play) {
  for (const { id } of DEPLOYMENTS) {
    const places = slots.filter((each) => board.slotsById.get(each.instance.id) === each && each.deployments.has(id));
    const told = [...(board.spread.get(id) ?? [])].map(({ instance }) => instance.id);
    expect(told.sort()).toEqual(places.map(({ instance }) => instance.id).sort());
  }
  for (const pool of board.indexes.values()) {
    const current = [...pool.ready].filter(({ instance }) => instance.spec?.fingerprint === pool.fingerprint);
    expect(pool.current).toBe(pool.fingerprint === undefined ? pool.ready.size : current.length);
    for (const each of pool.ready) {
      if (!each.link.list || pool.current === 0 || pool.fingerprint === undefined) continue;
      expect(each.instance.spec?.fingerprint).toBe(pool.fingerprint);
    }
  }
}

function pick<T>(items: readonly T[], at: number): T | undefined {
  return items[at % Math.max(1, items.length)];
}

function submit({ board, requests, withModels }: Play, step: { deployment: number; priority: number }) {
  const to = DEPLOYMENTS[step.deployment];
  if (to === undefined) return;
  const createdAt = requests.length;
  const fields = { deploymentId: to.id, accountId: to.accountId, priority: step.priority, createdAt };
  const payload = { prepared: { models: () => (withModels ? [to.id] : []) } } as unknown as RequestPayload;
  const request = makeLiveRequest({ id: `r${createdAt}`, versionId: to.id, payload, ...fields });
  requests.push(request);
  if (!reserve(board, request)) board.waiting.push(request);
}

/** Requests on instances that exist still. */
function listHeld({ board, requests }: Play): LiveRequest[] {
  return requests.filter(({ phase, instanceId }) => phase === 'leased' && board.slotsById.has(instanceId ?? ''));
}

function endHeld(play: Play, request: LiveRequest | undefined, isRequeued: boolean) {
  const slots = request && play.board.slotsById.get(request.instanceId ?? '');
  if (request === undefined || slots === undefined) return;
  request.phase = isRequeued ? 'queued' : 'running';
  if (play.withModels && !isRequeued) slots.loaded = request.versionId;
  leave(slots, request.deploymentId);
  if (isRequeued) play.board.waiting.pushFront(request);
}

function take(play: Play, step: Step) {
  const { board, slots } = play;
  if (step.kind === 'submit') submit(play, step);
  else if (step.kind === 'add') {
    const own = { pool: 'deployment:d4', fingerprint: `v${step.version}` };
    slots.push(play.addInstance(`i${slots.length}`, step.isOwn ? own : {}));
  } else if (step.kind === 'edit') {
    const { id, isOwn } = DEPLOYMENTS[step.deployment] ?? { id: '', isOwn: false };
    learnPool(board, id, { pool: isOwn ? own(id, step.version) : DEFAULT, max: step.max });
  } else if (step.kind === 'end' || step.kind === 'requeue') {
    endHeld(play, pick(listHeld(play), step.index), step.kind === 'requeue');
  } else touchInstance(play, step);
}

function touchInstance(play: Play, step: Extract<Step, { kind: 'lose' | 'gone' | 'rejoin' | 'learnRun' }>) {
  const { board, slots } = play;
  const existing = slots.filter((each) => board.slotsById.get(each.instance.id) === each);
  const chosen = pick(existing, step.index);
  if (chosen === undefined) return;
  if (step.kind === 'learnRun') learnRun(chosen, step.runMs);
  if (step.kind === 'lose') play.quit(chosen);
  if (step.kind === 'rejoin') joinPool(board, chosen);
  if (step.kind === 'gone') forgetSlots(board, chosen);
}

it('keeps the order, the limits and the pools, and leaves nothing waiting for nothing', () => {
  fc.assert(
    fc.property(fc.array(stepArbitrary, { maxLength: 80 }), (steps) => {
      const play = begin({ withModels: false });
      for (const step of steps) {
        take(play, step);
        play.board.pump();
        checkNothingIsStuck(play);
        checkIndex(play);
      }
    }),
    { numRuns: 500 },
  );
});

it('with models too, gives everything out in the end, and to no other instances', () => {
  fc.assert(
    fc.property(fc.array(stepArbitrary, { maxLength: 80 }), (steps) => {
      const play = begin({ withModels: true });
      for (const models of ['d1', 'd2', 'd3', 'd4']) {
        play.board.models.learnRun(models, { runMs: 60_000, wasLoaded: false });
        play.board.models.learnRun(models, { runMs: 1_000, wasLoaded: true });
      }
      for (const step of steps) {
        take(play, step);
        play.board.pump();
        checkIndex(play);
      }
      endAll(play);
      for (const lane of play.board.waiting.lanes()) {
        const key = play.board.pools.get(lane.deploymentId)?.key;
        expect(play.board.indexes.get(key ?? '')?.ready.size ?? 0).toBe(0);
      }
    }),
    { numRuns: 300 },
  );
});

/** Until nothing runs: each end gives out what may follow. */
function endAll(play: Play) {
  for (let held = listHeld(play); held.length > 0; held = listHeld(play)) {
    for (const request of held) {
      endHeld(play, request, false);
      play.board.pump();
    }
  }
}
