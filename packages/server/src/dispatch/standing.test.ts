// Positions over several deployments and accounts: the order in which assign.pure.ts would give them out.
import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { LiveRequest } from '../requests/live.ts';
import { chooseNext, type LaneView } from './assign.pure.ts';
import type { Board } from './board.ts';
import { createRunTimes } from './run-times.ts';
import { etaOf, positionOf } from './standing.ts';
import { createWaiting } from './waiting.ts';

interface Given {
  readonly usedMs?: Record<string, number>;
  readonly runMs?: number;
}

/** A board without instances that run anything: only who waits matters. */
function makeBoard(requests: readonly LiveRequest[], { usedMs = {}, runMs = 1_000 }: Given = {}): Board {
  const waiting = createWaiting();
  for (const request of requests) waiting.push(request);
  const runTimes = createRunTimes();
  for (let n = 0; n < 20; n += 1) runTimes.learn('v1', runMs);
  return {
    waiting,
    runTimes,
    usage: { usedMs: (accountId: string) => usedMs[accountId] ?? 0, add: () => undefined },
    slotsById: new Map(),
    limits: new Map(),
    deps: { execution: { clock: { now: () => 0 } } },
  } as unknown as Board;
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

it('are none for a request that runs, and an estimate needs an instance', () => {
  const board = makeBoard([]);
  expect(positionOf(board, { ...make('a', 'd1'), phase: 'running' })).toBeUndefined();
  expect(etaOf(board, make('a', 'd1'))).toBeUndefined();
});
