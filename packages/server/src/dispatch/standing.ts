// Where a waiting request stands among those who wait for the same instances: who runs before it, as assign.pure.ts would
// choose, and when its own run will be over. Called by dispatcher.ts for status polls, details and events. One
// deployment's queue costs the same at any length.
import type { LiveRequest } from '../requests/live.ts';
import type { Board } from './board.ts';
import { type EtaMs, estimate, remaining, type Spread } from './eta.pure.ts';
import type { Lane } from './lane.ts';
import { type PoolIndex, takesWork } from './pool-index.ts';
import { findPool, isAtLimit } from './pools.ts';
import type { RunTime } from './run-times.ts';
import type { Slots } from './slots.ts';

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
  for (const { count } of othersBefore(board, { request, index, rank })) before += count;
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
  const now = board.deps.execution.clock.now();
  const ready = [...index.ready].filter((slots) => takesWork(index, slots));
  const busy = ready.map((slots) => busyOf(board, { slots, request, now }));
  const max = board.limits.get(request.deploymentId) ?? ready.length;
  busy.push(...startingFor(board, request).slice(0, Math.max(0, max - ready.length)));
  if (busy.length === 0) return undefined;
  const rank = request.phase === 'queued' ? (rankOf(board, request) ?? 1) : 1;
  const mine = request.phase === 'queued' ? [{ count: rank - 1, time: own }] : [];
  const others = request.phase === 'queued' ? othersBefore(board, { request, index, rank }) : [];
  const shared = estimate({ ...sumUp([...mine, ...others]), busy, own, weight: own.weight });
  if (max >= ready.length) return shared;
  // It may use only some of them, and only its own deployment's requests are in the way there.
  const usable = ready.map((slots, index) => ({ slots, busy: busy[index] ?? NOTHING })).sort(ownFirst(request));
  const ours = usable.slice(0, max).map((each) => each.busy);
  const alone = estimate({ ...sumUp(mine), busy: ours, own, weight: own.weight });
  return alone.meanMs > shared.meanMs ? alone : shared;
}

/** Starts take about as long as they took lately. */
const START_SPREAD = 0.2;

function startingFor(board: Board, { deploymentId, phase }: LiveRequest): Spread[] {
  const starts = (phase === 'queued' ? board.deps.readyInMs?.(deploymentId) : undefined) ?? [];
  return starts.map((meanMs) => ({ meanMs, variance: (START_SPREAD * meanMs) ** 2 }));
}

const NOTHING: Spread = { meanMs: 0, variance: 0 };

function ownFirst({ deploymentId }: LiveRequest) {
  const rank = (slots: Slots) => (slots.deployments.has(deploymentId) ? 0 : 1);
  return (a: { slots: Slots; busy: Spread }, b: { slots: Slots; busy: Spread }) =>
    rank(a.slots) - rank(b.slots) || a.busy.meanMs - b.busy.meanMs;
}

interface Group {
  readonly count: number;
  readonly time: RunTime;
}

function sumUp(groups: readonly Group[]): { ahead: number; work: Spread } {
  let ahead = 0;
  let meanMs = 0;
  let variance = 0;
  for (const { count, time } of groups) {
    ahead += count;
    meanMs += count * time.meanMs;
    variance += count * time.variance;
  }
  return { ahead, work: { meanMs, variance } };
}

// What an instance has to do before it takes more: what runs, and what was given to it before this request.
function busyOf(board: Board, { slots, request, now }: { slots: Slots; request: LiveRequest; now: number }): Spread {
  let meanMs = 0;
  let variance = 0;
  for (const { request: other } of slots.attempts) {
    if (other === request || other.phase === 'collecting') continue;
    if (request.phase === 'leased' && other.phase === 'leased' && isLater(other, request)) continue;
    const time = board.runTimes.of(other.versionId) ?? { ...NOTHING, weight: 1 };
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

/** Of each other deployment that competes for an instance this request may run on: how many go first. */
function othersBefore(board: Board, { request, index, rank }: Standing): Group[] {
  const groups: Group[] = [];
  const accounts = new Map<string, Lane[]>();
  const isLimited = isAtLimit(board, request.deploymentId);
  let ofAccount = rank - 1;
  for (const lane of otherLanes(index, request.deploymentId)) {
    if (isLimited && !compete(board, request.deploymentId, lane.deploymentId)) continue;
    if (lane.accountId === request.accountId) {
      const count = lane.countBefore(request);
      ofAccount += count;
      groups.push({ count, time: timeOf(board, lane) });
    } else {
      const lanes = accounts.get(lane.accountId);
      if (lanes) lanes.push(lane);
      else accounts.set(lane.accountId, [lane]);
    }
  }
  const ownMs = board.runTimes.of(request.versionId)?.meanMs ?? UNKNOWN.meanMs;
  // What its account will have used when its turn has come within the account.
  const usedMs = board.usage.usedMs(request.accountId) + ofAccount * ownMs;
  for (const lanes of accounts.values()) groups.push(turnsBefore(board, lanes, { usedMs, request }));
  return groups;
}

function otherLanes({ anywhere, atLimit }: PoolIndex, deploymentId: string): Lane[] {
  if (anywhere.size + atLimit.size <= 1) return [];
  return [...anywhere.values(), ...atLimit.values()].filter((lane) => lane.deploymentId !== deploymentId);
}

/** Of another account's lanes: it goes first as long as it has used less, or as much and waits longer. */
function turnsBefore(board: Board, lanes: readonly Lane[], mine: { usedMs: number; request: LiveRequest }): Group {
  const waiting = lanes.reduce((total, lane) => total + lane.size, 0);
  const time = timeOf(board, lanes[0]);
  const leadMs = mine.usedMs - board.usage.usedMs(lanes[0]?.accountId ?? '');
  if (leadMs > 0) return { count: Math.min(waiting, Math.ceil(leadMs / Math.max(1, time.meanMs))), time };
  const isOlder = lanes.some((lane) => (lane.peek()?.createdAt ?? Number.POSITIVE_INFINITY) < mine.request.createdAt);
  return { count: leadMs === 0 && isOlder ? 1 : 0, time };
}

const UNKNOWN: RunTime = { meanMs: 1_000, variance: 1_000_000, weight: 1 };

function timeOf(board: Board, lane: Lane | undefined): RunTime {
  const versionId = lane?.peek()?.versionId;
  return (versionId === undefined ? undefined : board.runTimes.of(versionId)) ?? UNKNOWN;
}

/** Whether there is an instance that both may be given to, when the one of them is at its limit. */
function compete(board: Board, atLimit: string, other: string): boolean {
  if (!isAtLimit(board, other)) return true;
  for (const { deployments } of board.spread.get(atLimit) ?? []) if (deployments.has(other)) return true;
  return false;
}
