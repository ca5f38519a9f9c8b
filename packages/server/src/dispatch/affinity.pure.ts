// Who runs next and where, when instances have models loaded and loading others takes time. Pure: it decides as
// assign.pure.ts does between accounts, and weighs within an account what each instance has loaded.
//
// A request runs at once where its models are. Where only busy instances have them, waiting for one is compared with
// loading on a free one: loading wins when the last request of the lane would wait longer than its patience. Patience is
// the time a load takes, and more where what is dropped must be loaded again soon, or where much of the account waits,
// for a load then delays everybody behind it. Whoever has waited for longer than the age bound runs next on whatever is free.
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
  /** Runs at the same time that it asks for on average: its requests per second × seconds per run. */
  readonly erlangs: number;
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
    const placement =
      placeAged(lanes, pool, { now, backlogMs }) ?? placeWarm(lanes, pool) ?? placeCold(lanes, pool, backlogMs);
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

const AGE_BOUND_LOADS = 4;
const AGE_BOUND_BACKLOGS = 2;

/** Affinity may not let anybody wait for much longer than first come, first served would. */
function placeAged(lanes: readonly ModelLane[], pool: Pool, of: { now: number; backlogMs: number }) {
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

/** What the next load of the dropped models counts: it comes later, and perhaps on an instance that idles then. */
const LOAD_AGAIN_SHARE = 0.5;

function placeCold(lanes: readonly ModelLane[], pool: Pool, backlogMs: number): Placement | undefined {
  const instance = cheapestToLoadOn(pool);
  const dropped = instance && droppedBy(instance);
  const again = dropped === undefined ? 0 : shareWithout(pool.demandOf(dropped));
  let best: ModelLane | undefined;
  let mostGained = 0;
  for (const lane of lanes) {
    const patienceMs = (1 + LOAD_AGAIN_SHARE * again) * lane.loadMs + backlogMs;
    const gained = expectDelayMs(lane) - patienceMs;
    if (gained <= mostGained) continue;
    best = lane;
    mostGained = gained;
  }
  return best && place(best, instance, 'loading is sooner than waiting');
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
  for (const instance of pool.free) {
    const dropped = droppedBy(instance);
    const lost = dropped === undefined ? -1 : worthOfReplica(pool.demandOf(dropped));
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

/** The share of its runs that would find no replica free if there were one fewer. */
function shareWithout({ erlangs, replicas }: ModelDemand): number {
  return blocked(replicas - 1, erlangs);
}

/** How many more runs per run time would find all replicas busy with one fewer. */
function worthOfReplica({ erlangs, replicas }: ModelDemand): number {
  return erlangs * (blocked(replicas - 1, erlangs) - blocked(replicas, erlangs));
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
