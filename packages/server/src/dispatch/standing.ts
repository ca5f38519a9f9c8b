// Where a waiting request stands among those who wait for the same instances, and when its run will be over: gathers what
// standing.pure.ts decides by. Called by dispatcher.ts for status polls, details and events. One deployment's queue costs the
// same at any length.
import type { LiveRequest } from '../requests/live.ts';
import type { Board } from './board.ts';
import { type EtaMs, remaining, type Spread } from './eta.pure.ts';
import type { Lane } from './lane.ts';
import { type PoolIndex, takesWork } from './pool-index.ts';
import { findPool, isAtLimit } from './pools.ts';
import type { RunTime } from './run-times.ts';
import type { Slots } from './slots.ts';
import { endOf, type Group, type OtherLane, othersBefore } from './standing.pure.ts';

/** 1 = next to run; undefined once it is on an instance. */
export function positionOf(board: Board, request: LiveRequest): number | undefined {
  if (request.phase !== 'queued' && request.phase !== 'leased') return undefined;
  const index = findPool(board, request.deploymentId);
  if (request.phase === 'leased') return countLeasedBefore(index, request) + 1;
  const rank = rankOf(board, request);
  // Not in its lane while its lease is given back: it returns to the head.
  if (rank === undefined) return 1;
  // Where it will run is still looked up.
  if (index === undefined) return rank;
  let before = rank - 1 + countLeased(index);
  for (const { count } of groupsBefore(board, { request, index, rank })) before += count;
  return before + 1;
}

/** Among those of its deployment. */
function rankOf(board: Board, request: LiveRequest): number | undefined {
  const before = board.backlog.countBefore(request);
  if (before === undefined) return board.waiting.rank(request);
  return (board.waiting.lane(request.deploymentId)?.size ?? 0) + before + 1;
}

/** undefined: it waits for no run, or nothing is known of how long runs take. */
export function etaOf(board: Board, request: LiveRequest): EtaMs | undefined {
  if (request.phase !== 'queued' && request.phase !== 'leased') return undefined;
  const own = board.runTimes.of(request.versionId);
  const index = findPool(board, request.deploymentId);
  if (own === undefined || index === undefined) return undefined;
  const ready = [...index.ready].filter((slots) => takesWork(index, slots));
  const now = board.deps.execution.clock.now();
  const instances = ready.map((slots) => ({
    left: leftOf(board, { slots, request, now }),
    hasOwn: slots.deployments.has(request.deploymentId),
  }));
  const maxInstances = board.limits.get(request.deploymentId) ?? ready.length;
  // Once it is given to an instance, nobody goes first but who was given to it before.
  if (request.phase === 'leased')
    return endOf({ instances, starting: [], maxInstances, ownBefore: [], othersBefore: [], own });
  const rank = rankOf(board, request) ?? 1;
  return endOf({
    instances,
    starting: startingFor(board, request.deploymentId),
    maxInstances,
    ownBefore: [{ count: rank - 1, time: own }],
    othersBefore: groupsBefore(board, { request, index, rank }),
    own,
  });
}

/** Starts take about as long as they took lately. */
const START_SPREAD = 0.2;

function startingFor(board: Board, deploymentId: string): Spread[] {
  const starts = board.deps.readyInMs?.(deploymentId) ?? [];
  return starts.map((meanMs) => ({ meanMs, variance: (START_SPREAD * meanMs) ** 2 }));
}

// What an instance has to do before it takes more: what runs, and what was given to it before this request.
function leftOf(board: Board, { slots, request, now }: { slots: Slots; request: LiveRequest; now: number }): Spread {
  let meanMs = 0;
  let variance = 0;
  for (const { request: other } of slots.attempts) {
    if (other === request || other.phase === 'collecting') continue;
    if (request.phase === 'leased' && other.phase === 'leased' && isLater(other, request)) continue;
    const time = board.runTimes.of(other.versionId) ?? { meanMs: 0, variance: 0 };
    const left = other.phase === 'running' ? remaining(time, now - (other.startedAt ?? now)) : time;
    meanMs += left.meanMs;
    variance += left.variance;
  }
  return { meanMs, variance };
}

function isLater(a: LiveRequest, b: LiveRequest): boolean {
  return ((a.leasedAt ?? 0) - (b.leasedAt ?? 0) || a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)) > 0;
}

function countLeased({ ready }: PoolIndex): number {
  let count = 0;
  for (const { attempts } of ready) {
    for (const { request } of attempts) if (request.phase === 'leased') count += 1;
  }
  return count;
}

function countLeasedBefore(index: PoolIndex | undefined, of: LiveRequest): number {
  let count = 0;
  for (const { attempts } of index?.ready ?? []) {
    for (const { request } of attempts) {
      if (request === of) break;
      if (request.phase === 'leased' && !isLater(request, of)) count += 1;
    }
  }
  return count;
}

interface Standing {
  readonly request: LiveRequest;
  readonly index: PoolIndex;
  readonly rank: number;
}

/** Of other deployments that compete for an instance this request may run on: how many go first. */
function groupsBefore(board: Board, { request, index, rank }: Standing): Group[] {
  const { accountId, createdAt } = request;
  const lanes = listCompeting(board, index, request.deploymentId).map((lane) => viewLane(board, lane, request));
  if (lanes.length === 0) return [];
  const runMs = board.runTimes.of(request.versionId)?.meanMs ?? UNKNOWN.meanMs;
  return othersBefore({ accountId, createdAt, before: rank - 1, runMs }, lanes, board.usage);
}

function listCompeting(board: Board, { anywhere, atLimit }: PoolIndex, deploymentId: string): Lane[] {
  if (anywhere.size + atLimit.size <= 1) return [];
  const others = [...anywhere.values(), ...atLimit.values()].filter((lane) => lane.deploymentId !== deploymentId);
  if (!isAtLimit(board, deploymentId)) return others;
  return others.filter((lane) => compete(board, deploymentId, lane.deploymentId));
}

/** Whether there is an instance that both may be given to, when the one of them is at its limit. */
function compete(board: Board, atLimit: string, other: string): boolean {
  if (!isAtLimit(board, other)) return true;
  for (const { deployments } of board.spread.get(atLimit) ?? []) if (deployments.has(other)) return true;
  return false;
}

function viewLane(board: Board, lane: Lane, request: LiveRequest): OtherLane {
  const { accountId } = lane;
  const head = lane.peek();
  return {
    accountId,
    waiting: lane.size,
    before: accountId === request.accountId ? lane.countBefore(request) : 0,
    headCreatedAt: head?.createdAt ?? Number.POSITIVE_INFINITY,
    time: (head && board.runTimes.of(head.versionId)) ?? UNKNOWN,
  };
}

const UNKNOWN: RunTime = { meanMs: 1_000, variance: 1_000_000, weight: 1 };
