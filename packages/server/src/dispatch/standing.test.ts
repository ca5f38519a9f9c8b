// Positions over several deployments and accounts: the order in which assign.pure.ts would give them out.
import { expect, it } from 'vitest';
import { type BoardOptions, makeBoard as makeTestBoard } from '../../testing/make-board.ts';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { Attempt } from '../execution/attempt.ts';
import type { Instance } from '../instances/fleet.ts';
import type { LiveRequest } from '../requests/live.ts';
import { chooseNext, type LaneView } from './assign.pure.ts';
import type { Board } from './board.ts';
import { joinPool } from './pools.ts';
import { createSlots, enter } from './slots.ts';
import { etaOf, positionOf } from './standing.ts';
import { createWaiting } from './waiting.ts';

interface Given extends BoardOptions {
  readonly usedMs?: Record<string, number>;
  readonly runMs?: number;
}

/** Nothing is given out: only who waits matters. */
function makeBoard(requests: readonly LiveRequest[], { usedMs = {}, runMs = 1_000, ...options }: Given = {}): Board {
  const { board } = makeTestBoard(options);
  board.isOpen = false;
  for (const request of requests) board.waiting.push(request);
  for (let n = 0; n < 20; n += 1) board.runTimes.learn('v1', runMs);
  for (const [accountId, ms] of Object.entries(usedMs)) board.usage.add(accountId, ms);
  return board;
}

/** Ids in the order that chooseNext gives them out on one instance, each run counted when it is over. */
function drain(requests: readonly LiveRequest[], { usedMs = {}, runMs = 1_000 }: Given = {}): string[] {
  const waiting = createWaiting();
  for (const request of requests) waiting.push(request);
  const used = new Map(Object.entries(usedMs));
  const order: string[] = [];
  while (waiting.size > 0) {
    const views: LaneView[] = [...waiting.lanes()].flatMap((lane) => {
      const head = lane.peek();
      if (head === undefined) return [];
      const { accountId, deploymentId } = lane;
      const { priority: headPriority, createdAt: headCreatedAt } = head;
      return [{ accountId, deploymentId, headPriority, headCreatedAt, otherInstances: 0, maxInstances: 1 }];
    });
    const choice = chooseNext(views, { usedMs: (accountId) => used.get(accountId) ?? 0 });
    const request = choice && waiting.shift(choice.deploymentId);
    if (request === undefined) throw new Error('nobody was chosen');
    used.set(request.accountId, (used.get(request.accountId) ?? 0) + runMs);
    order.push(request.id);
  }
  return order;
}

let at = 0;
function make(accountId: string, deploymentId: string, priority = 0): LiveRequest {
  at += 1;
  return makeLiveRequest({ id: `r${at}`, accountId, deploymentId, priority, createdAt: at, versionId: 'v1' });
}

function positions(requests: readonly LiveRequest[], given?: Given): string[] {
  const board = makeBoard(requests, given);
  return [...requests]
    .sort((a, b) => (positionOf(board, a) ?? 0) - (positionOf(board, b) ?? 0))
    .map((request) => request.id);
}

it('of one account over several deployments are priority, then first come', () => {
  const requests = [
    make('a', 'd1'),
    make('a', 'd2'),
    make('a', 'd1', 1),
    make('a', 'd3', -1),
    make('a', 'd2'),
    make('a', 'd1'),
  ];
  const board = makeBoard(requests);
  const order = drain(requests);
  for (const request of requests) expect(positionOf(board, request)).toBe(order.indexOf(request.id) + 1);
});

it('of a quiet account are ahead of a flood of another', () => {
  const flood = Array.from({ length: 50 }, () => make('a', 'd1'));
  const quiet = [make('b', 'd2'), make('b', 'd2')];
  const given = { usedMs: { a: 30_000 } };
  const board = makeBoard([...flood, ...quiet], given);
  expect(quiet.map((request) => positionOf(board, request))).toEqual([1, 2]);
  expect(positions([...flood, ...quiet], given)).toEqual(drain([...flood, ...quiet], given));
});

it('of accounts that have used as much take turns', () => {
  const requests = Array.from({ length: 6 }, (_, n) => (n % 2 === 0 ? make('a', 'd1') : make('b', 'd2')));
  const board = makeBoard(requests);
  const order = drain(requests);
  for (const request of requests) {
    expect(Math.abs((positionOf(board, request) ?? 0) - (order.indexOf(request.id) + 1))).toBeLessThanOrEqual(1);
  }
});

const own = (id: string) => ({ key: `deployment:${id}`, isScaled: true, fingerprint: 'v1' });

it('count only who waits for the same instances', () => {
  const flood = Array.from({ length: 50 }, () => make('a', 'd1'));
  const request = make('a', 'd2');
  const board = makeBoard([...flood, request], { pools: { d1: own('d1'), d2: own('d2') } });
  expect(positionOf(board, request)).toBe(1);
  expect(positionOf(board, flood[49] as LiveRequest)).toBe(50);
});

/** Ready, with a run of a second begun just now. */
function addBusy(board: Board, id: string, pool: string) {
  const instance = { id, pool, spec: { fingerprint: 'v1' }, since: 0, phase: 'ready' } as unknown as Instance;
  const slots = createSlots(instance, board.slotsWatch);
  board.slotsById.set(id, slots);
  joinPool(board, slots);
  enter(slots, 'd9');
  const request = makeLiveRequest({ id: `on ${id}`, phase: 'running', startedAt: 0, deploymentId: 'd9' });
  slots.attempts.add({ request } as unknown as Attempt);
}

it('of the instances only those of its pool bear on its estimate', () => {
  const request = make('a', 'd2');
  const board = makeBoard([...Array.from({ length: 5 }, () => make('a', 'd1')), request], {
    pools: { d1: own('d1'), d2: own('d2') },
    max: { d1: 1, d2: 1 },
  });
  addBusy(board, 'i1', 'deployment:d1');
  expect(etaOf(board, request)).toBeUndefined();
  addBusy(board, 'i2', 'deployment:d2');
  expect(etaOf(board, request)?.meanMs).toBeCloseTo(2_000, -2);
});

it('an instance that starts counts from when it is expected to answer', () => {
  const request = make('a', 'd2');
  const given: Given = { pools: { d2: own('d2') }, max: { d2: 2 } };
  const board = makeBoard([request], { ...given, readyInMs: () => [30_000] });
  expect(etaOf(board, request)?.meanMs).toBeCloseTo(31_000, -2);
  expect(etaOf(makeBoard([request], { ...given, readyInMs: () => [] }), request)).toBeUndefined();
});

it('all instances that start bear on it, as many as the deployment may use', () => {
  const requests = Array.from({ length: 4 }, () => make('a', 'd2'));
  const last = requests.at(-1) as LiveRequest;
  const etaWith = (max: number, starts: readonly number[]) =>
    etaOf(makeBoard(requests, { pools: { d2: own('d2') }, max: { d2: max }, readyInMs: () => starts }), last)?.meanMs;
  expect(etaWith(4, [30_000])).toBeCloseTo(34_000, -2);
  expect(etaWith(4, [30_000, 30_000, 30_000, 30_000])).toBeCloseTo(31_000, -2);
  expect(etaWith(2, [30_000, 30_000, 30_000, 30_000])).toBeCloseTo(32_000, -2);
});

it('are none for a request that runs, and an estimate needs an instance', () => {
  const board = makeBoard([]);
  expect(positionOf(board, { ...make('a', 'd1'), phase: 'running' })).toBeUndefined();
  expect(etaOf(board, make('a', 'd1'))).toBeUndefined();
});
