// Who runs next and where, when instances have models loaded and loading others takes time. Pure: it decides as
// assign.pure.ts does between accounts, and weighs within an account what each instance has loaded.
//
// A request runs at once where its models are. Where only busy instances have them, waiting for one is compared with
// loading on a free one: loading wins when the last request of the lane would wait longer than its patience. Patience is
// the time a load takes, several times that where what is dropped must soon be loaded again, and longer where much of the
// account waits, for a load then delays everybody behind it. Models that no instance has are loaded at once where nothing
// is lost by it; where one wanted set only takes another one's place, they wait for company, so that one load serves more
// requests. Whoever has waited for longer than the age bound runs next on whatever is free.
import type { AccountUsage, LaneView } from './assign.pure.ts';

export interface ModelLane extends LaneView {
  /** What has to be loaded for its runs: the same words on a free instance mean that it is. */
  readonly models: string;
  readonly waiting: number;
  readonly runMs: number;
  readonly loadMs: number;
  /** Of each busy instance that has the models: when it is expected to be free, from now. */
  readonly warmBusyMs: readonly number[];
}

export interface FreeInstance {
  readonly id: string;
  /** What it has loaded, the one used last at the end. */
  readonly models: readonly string[];
  /** So many sets fit. */
  readonly slots: number;
}

/** How much a set of models is in use: what is lost when an instance drops it. */
export interface ModelDemand {
  /** Requests that come for it, per millisecond. */
  readonly perMs: number;
  readonly runMs: number;
  readonly loadMs: number;
  /** Instances that have it, busy ones included. */
  readonly replicas: number;
}

export interface Pool {
  readonly lanes: readonly ModelLane[];
  readonly free: readonly FreeInstance[];
  /** All instances that take requests, busy ones included. */
  readonly instances: number;
  readonly usage: AccountUsage;
  demandOf(models: string): ModelDemand;
}

export interface Placement {
  readonly deploymentId: string;
  readonly instanceId: string;
  readonly because: 'its models are loaded' | 'loading is sooner than waiting' | 'waited longest';
}

/** One request for one free instance; asked again until there is none. undefined: whoever waits does better to wait. */
export function placeNext(pool: Pool, now: number): Placement | undefined {
  if (pool.free.length === 0) return undefined;
  const waiting = pool.lanes.filter((lane) => lane.waiting > 0 && lane.otherInstances < lane.maxInstances);
  for (const lanes of inTurn(waiting, pool.usage)) {
    const backlogMs = backlogOf(lanes[0]?.accountId, waiting) / Math.max(1, pool.instances);
    const of = { now, backlogMs };
    const placement = placeAged(lanes, pool, of) ?? placeWarm(lanes, pool) ?? placeCold(lanes, pool, of);
    if (placement) return placement;
  }
  return undefined;
}

/** What waits of this account, in run time. The flood of another is no reason to wait for one's models. */
function backlogOf(accountId: string | undefined, waiting: readonly ModelLane[]): number {
  const own = waiting.filter((lane) => lane.accountId === accountId);
  return own.reduce((sum, lane) => sum + lane.waiting * lane.runMs, 0);
}

/** Lanes that are alike but for models and age, oldest first: of the account that used least, of its highest priority. */
function inTurn(lanes: readonly ModelLane[], usage: AccountUsage): ModelLane[][] {
  const accounts = new Map<string, ModelLane[]>();
  for (const lane of lanes) {
    const list = accounts.get(lane.accountId);
    if (list) list.push(lane);
    else accounts.set(lane.accountId, [lane]);
  }
  const oldest = (list: ModelLane[]) => Math.min(...list.map(({ headCreatedAt }) => headCreatedAt));
  const used = (list: ModelLane[]) => usage.usedMs(list[0]?.accountId ?? '');
  const ordered = [...accounts.values()];
  if (ordered.length > 1) ordered.sort((a, b) => used(a) - used(b) || oldest(a) - oldest(b));
  return ordered.flatMap(byPriority);
}

function byPriority(lanes: ModelLane[]): ModelLane[][] {
  const levels: ModelLane[][] = [];
  for (const lane of lanes.sort((a, b) => b.headPriority - a.headPriority || a.headCreatedAt - b.headCreatedAt)) {
    const level = levels.at(-1);
    if (level?.[0]?.headPriority === lane.headPriority) level.push(lane);
    else levels.push([lane]);
  }
  return levels;
}

interface Moment {
  readonly now: number;
  /** What waits of the account, in run time per instance. */
  readonly backlogMs: number;
}

const AGE_BOUND_LOADS = 4;
const AGE_BOUND_BACKLOGS = 2;

/** Affinity may not let anybody wait for much longer than first come, first served would. */
function placeAged(lanes: readonly ModelLane[], pool: Pool, of: Moment) {
  let oldest: ModelLane | undefined;
  for (const lane of lanes) {
    const boundMs = AGE_BOUND_LOADS * (lane.loadMs + lane.runMs) + AGE_BOUND_BACKLOGS * of.backlogMs;
    if (of.now - lane.headCreatedAt <= boundMs) continue;
    if (oldest === undefined || lane.headCreatedAt < oldest.headCreatedAt) oldest = lane;
  }
  if (oldest === undefined) return undefined;
  const instance = findWarm(oldest, pool.free) ?? cheapestToLoadOn(pool);
  return place(oldest, instance, 'waited longest');
}

function placeWarm(lanes: readonly ModelLane[], pool: Pool): Placement | undefined {
  for (const lane of lanes) {
    const warm = findWarm(lane, pool.free);
    if (warm) return place(lane, warm, 'its models are loaded');
  }
  return undefined;
}

/** A load that causes another one counts so many times: it takes an instance twice, and delays all who wait behind both. */
const PATIENCE_LOADS = 3;

function placeCold(lanes: readonly ModelLane[], pool: Pool, { now, backlogMs }: Moment): Placement | undefined {
  const instance = cheapestToLoadOn(pool);
  if (instance === undefined) return undefined;
  const isMissed = willBeMissed(instance, pool);
  let best: ModelLane | undefined;
  let mostGained = 0;
  for (const lane of lanes) {
    const isNowhere = lane.warmBusyMs.length === 0;
    // It may have come to a replica whose clock is ahead.
    const waitedMs = Math.max(0, now - lane.headCreatedAt);
    if (isNowhere && isMissed && waitedMs < companyMs(lane, pool)) continue;
    const gained = expectDelayMs(lane) - (isMissed ? PATIENCE_LOADS : 1) * lane.loadMs - backlogMs;
    if (gained <= mostGained) continue;
    best = lane;
    mostGained = gained;
  }
  return best && place(best, instance, 'loading is sooner than waiting');
}

const COMPANY_LOADS = 5;
const ENOUGH_COMPANY = 4;
/** An instance is given away to a load with a light heart while two of three are idle, and the more so the more are. */
const BUSY_SHARE = 1 / 3;

/** How long the head of a lane whose models no instance has waits for others that need them too. */
function companyMs({ models, waiting, loadMs }: ModelLane, pool: Pool): number {
  if (waiting >= ENOUGH_COMPANY || !isWantedSoon(pool.demandOf(models))) return 0;
  const busyShare = 1 - pool.free.length / Math.max(1, pool.instances);
  return Math.min(1, busyShare / BUSY_SHARE) * COMPANY_LOADS * loadMs;
}

/** Within so many times the time of a load: it is neither worth waiting for what comes more seldom, nor is it missed. */
const SOON_LOADS = 20;

function isWantedSoon({ perMs, loadMs }: ModelDemand): boolean {
  return perMs * loadMs * SOON_LOADS >= 1;
}

/** A load there drops the only replica of models that are soon to be loaded again. */
function willBeMissed(instance: FreeInstance, pool: Pool): boolean {
  const dropped = droppedBy(instance);
  if (dropped === undefined) return false;
  const demand = pool.demandOf(dropped);
  return demand.replicas <= 1 && isWantedSoon(demand);
}

/** How long the last of the lane waits if only the instances that have its models take it. */
function expectDelayMs({ warmBusyMs, waiting, runMs }: ModelLane): number {
  if (warmBusyMs.length === 0) return Number.POSITIVE_INFINITY;
  return Math.min(...warmBusyMs) + ((waiting - 1) * runMs) / warmBusyMs.length;
}

function findWarm(lane: ModelLane, free: readonly FreeInstance[]): FreeInstance | undefined {
  return free.find(({ models }) => models.includes(lane.models));
}

/** Where least is lost: an empty place, else the set whose next replica is worth least. */
function cheapestToLoadOn(pool: Pool): FreeInstance | undefined {
  let cheapest: FreeInstance | undefined;
  let least = Number.POSITIVE_INFINITY;
  const worths = new Map<string, number>();
  for (const instance of pool.free) {
    const dropped = droppedBy(instance);
    const known = dropped === undefined ? -1 : worths.get(dropped);
    const lost = known ?? worthOfReplica(pool.demandOf(dropped ?? ''));
    if (dropped !== undefined) worths.set(dropped, lost);
    if (lost >= least) continue;
    cheapest = instance;
    least = lost;
  }
  return cheapest;
}

/** What makes room when one more set is loaded. */
function droppedBy({ models, slots }: FreeInstance): string | undefined {
  return models.length < slots ? undefined : models[0];
}

/** By how much its requests together would be delayed with one replica fewer, per millisecond. */
function worthOfReplica(demand: ModelDemand): number {
  return demand.perMs * (delayWith(demand.replicas - 1, demand) - delayWith(demand.replicas, demand));
}

/** A load is more than the wait of the one who needs it: it takes an instance, and it drops what is loaded again later. */
const LOAD_WEIGHT = 8;
/** Of a queue's wait when all runs take equally long, against the wait when they vary as much as their mean. */
const STEADY_RUNS = 0.6;

/** The mean delay of a request with so many replicas: queueing for a busy one (Erlang's C), or a load. */
function delayWith(replicas: number, { perMs, runMs, loadMs }: ModelDemand): number {
  // Until a load was seen, it is taken to be as long as a run: what is asked for most is kept all the same.
  const loadCost = LOAD_WEIGHT * (loadMs > 0 ? loadMs : runMs);
  const erlangs = perMs * runMs;
  if (replicas <= 0) return loadCost;
  // What they cannot serve has to be loaded elsewhere.
  const served = Math.min(1, replicas / erlangs);
  if (replicas <= erlangs) return (1 - served) * loadCost + served * Math.min(loadCost, runMs);
  const share = blocked(replicas, erlangs);
  const queued = share / (1 - (erlangs / replicas) * (1 - share));
  return Math.min(loadCost, (STEADY_RUNS * queued * runMs) / (replicas - erlangs));
}

/** Erlang's loss formula: the share of runs that find all replicas busy. */
function blocked(replicas: number, erlangs: number): number {
  let share = 1;
  for (let count = 1; count <= replicas; count += 1) share = (erlangs * share) / (count + erlangs * share);
  return share;
}

function place(lane: ModelLane, instance: FreeInstance | undefined, because: Placement['because']) {
  if (instance === undefined) return undefined;
  return { deploymentId: lane.deploymentId, instanceId: instance.id, because };
}
