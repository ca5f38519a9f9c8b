// The instances and waiting requests of a simulated deployment or pool, on a virtual clock. Engine: play.ts; who runs next:
// choose.ts; how many instances: scalers.ts.
import { type MeterState, startMeter, stopMeter } from '../src/billing/meter.pure.ts';
import { priceSpan } from '../src/billing/price.pure.ts';
import { createUsage, type Usage } from '../src/dispatch/usage.ts';
import type { ScaledInstance } from '../src/scaling/decide.pure.ts';
import type { Job } from './traces.ts';

export interface SimInstance extends ScaledInstance {
  readonly index: number;
  phase: 'starting' | 'ready' | 'draining';
  since: number;
  running: number;
  idleSince: number;
  isGone: boolean;
  hasRun: boolean;
  /** Index of the job it runs; -1 when idle. */
  job: number;
  jobSince: number;
  /** What it has loaded, the one used last at the end. */
  readonly models: string[];
  readonly slots: number;
  meter: MeterState;
  /** It hangs or lies and nobody knows yet. */
  fault: 'hang' | 'lie' | undefined;
}

export interface Lane {
  readonly accountId: string;
  readonly deploymentId: string;
  readonly models: string;
  readonly headPriority: number;
  headCreatedAt: number;
  readonly otherInstances: number;
  readonly maxInstances: number;
  readonly runMs: number;
  readonly loadMs: number;
  readonly jobs: number[];
  head: number;
  waiting: number;
}

export interface Fleet {
  now: number;
  readonly jobs: readonly Job[];
  /** Those that are not gone. */
  readonly instances: SimInstance[];
  /** The one used last at the end. */
  readonly idle: SimInstance[];
  readonly lanes: Map<string, Lane>;
  /** Lanes in which somebody waits. */
  readonly waitingLanes: Lane[];
  waiting: number;
  readonly usage: Usage;
  starts: number;
  unusedStarts: number;
  billedMs: number;
  microdollars: number;
}

export function createFleet(jobs: readonly Job[]): Fleet {
  const fleet: Fleet = {
    now: 0,
    jobs,
    instances: [],
    idle: [],
    lanes: new Map(),
    waitingLanes: [],
    waiting: 0,
    usage: createUsage(() => fleet.now),
    starts: 0,
    unusedStarts: 0,
    billedMs: 0,
    microdollars: 0,
  };
  return fleet;
}

export function addInstance(fleet: Fleet, slots: number): SimInstance {
  const index = fleet.starts;
  fleet.starts += 1;
  const instance: SimInstance = {
    id: `i${index}`,
    index,
    phase: 'starting',
    since: fleet.now,
    running: 0,
    idleSince: fleet.now,
    isCurrent: true,
    isGone: false,
    hasRun: false,
    job: -1,
    jobSince: 0,
    models: [],
    slots,
    meter: startMeter(fleet.now),
    fault: undefined,
  };
  fleet.instances.push(instance);
  return instance;
}

export function makeIdle(fleet: Fleet, instance: SimInstance): void {
  instance.idleSince = fleet.now;
  fleet.idle.push(instance);
}

/** Price of an A100 in microdollars an hour; only that it adds up matters here. */
const PRICE = 4_990_000;

export function priceOf(ms: number): number {
  return (ms * PRICE) / 3_600_000;
}

export function removeInstance(fleet: Fleet, instance: SimInstance): void {
  instance.isGone = true;
  drop(fleet.instances, instance);
  drop(fleet.idle, instance);
  if (!instance.hasRun) fleet.unusedStarts += 1;
  const { span, state } = stopMeter(instance.meter, fleet.now);
  instance.meter = state;
  if (span === undefined) return;
  fleet.billedMs += span.toMs - span.fromMs;
  fleet.microdollars += priceSpan(span, PRICE);
}

/** From the end: the ones used last are looked for most. */
export function drop<T>(list: T[], item: T): void {
  const index = list.lastIndexOf(item);
  if (index >= 0) list.splice(index, 1);
}

export function laneOf(fleet: Fleet, job: Job, kind: { runMs: number; loadMs: number }): Lane {
  const key = `a${job.account}/m${job.models}`;
  const known = fleet.lanes.get(key);
  if (known) return known;
  const lane: Lane = {
    accountId: `a${job.account}`,
    deploymentId: key,
    models: `m${job.models}`,
    headPriority: 0,
    headCreatedAt: 0,
    otherInstances: 0,
    maxInstances: Number.POSITIVE_INFINITY,
    ...kind,
    jobs: [],
    head: 0,
    waiting: 0,
  };
  fleet.lanes.set(key, lane);
  return lane;
}

export function enqueue(fleet: Fleet, lane: Lane, index: number): void {
  if (lane.waiting === 0) {
    lane.headCreatedAt = fleet.jobs[index]?.at ?? 0;
    fleet.waitingLanes.push(lane);
  }
  lane.jobs.push(index);
  lane.waiting += 1;
  fleet.waiting += 1;
}

/** An attempt was lost: nobody is to overtake it. */
export function enqueueFirst(fleet: Fleet, lane: Lane, index: number): void {
  if (lane.waiting === 0) fleet.waitingLanes.push(lane);
  lane.jobs.splice(lane.head, 0, index);
  lane.headCreatedAt = fleet.jobs[index]?.at ?? 0;
  lane.waiting += 1;
  fleet.waiting += 1;
}

export function dequeue(fleet: Fleet, lane: Lane): number {
  const index = lane.jobs[lane.head] ?? -1;
  lane.head += 1;
  lane.waiting -= 1;
  fleet.waiting -= 1;
  if (lane.waiting === 0) drop(fleet.waitingLanes, lane);
  else lane.headCreatedAt = fleet.jobs[lane.jobs[lane.head] ?? 0]?.at ?? 0;
  if (lane.head > 4_096 && lane.head * 2 > lane.jobs.length) {
    lane.jobs.splice(0, lane.head);
    lane.head = 0;
  }
  return index;
}
