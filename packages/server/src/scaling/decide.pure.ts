// How many instances a deployment should have, which are to start and which to go, and why in words. Pure: the scaling
// loop gathers and acts (judge.ts), the simulation replays it. What is wanted is counted here; who goes is said by
// drops.pure.ts and roll-over.pure.ts, how many start by starts.pure.ts.
//
// Asked for whenever something changed (a request came, a run ended, an instance became ready or went), and at `checkAt`.
// It adds capacity at once and takes it away one idle period later, so it never answers one change with two.
import { dropOverMaximum, dropUnneeded, earliest } from './drops.pure.ts';
import type { Funds } from './funds.pure.ts';
import type { KeepWarmMemory } from './keep-warm.pure.ts';
import { replaceOutdated } from './roll-over.pure.ts';
import { countStarts, findMost, type Most } from './starts.pure.ts';

export interface ScaleLimits {
  /** Waiting requests per instance above which capacity is added; with 0 every waiting request gets an instance. */
  readonly queueSize: number;
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly keepWarmMs: number;
}

export interface ScaledInstance {
  readonly id: string;
  /** `draining` takes no more requests and goes when its last one has ended. */
  readonly phase: 'starting' | 'ready' | 'draining';
  /** When it entered the phase. */
  readonly since: number;
  /** Requests on it. */
  readonly running: number;
  /** When its last run ended, or when it became ready. */
  readonly idleSince: number;
  /** It has the deployment's present version and hardware. */
  readonly isCurrent: boolean;
}

export interface FailedStarts {
  /** In a row. */
  readonly count: number;
  readonly lastAt: number;
  readonly cause: string;
  /** Somebody asked for another try now, whatever the pause. */
  readonly isDue?: boolean;
}

export interface ScaleState {
  readonly isEnabled: boolean;
  /** Why it has no instances when it is not enabled, in words. */
  readonly whyDisabled?: string | undefined;
  readonly limits: ScaleLimits;
  /** Requests that no instance has taken yet. */
  readonly waiting: number;
  /** So many of them were given ahead to an instance that runs another one. */
  readonly givenAhead?: number;
  readonly instances: readonly ScaledInstance[];
  readonly coldStartMs: number;
  readonly memory: KeepWarmMemory;
  readonly failedStarts: FailedStarts | undefined;
  /** A warm-up call: so many instances are wanted until then. */
  readonly warmUp: { readonly instances: number; readonly until: number } | undefined;
  /** How many more its hardware has room for, whatever the limits say; undefined: any number. */
  readonly room?: { readonly left: number; readonly because: string } | undefined;
  /** Whether its account can pay for what no request asked for; undefined: nobody has to. */
  readonly funds?: Funds | undefined;
}

export interface Drain {
  readonly id: string;
  readonly because: string;
}

export interface ScaleDecision {
  /** How many current instances there will be. */
  readonly target: number;
  readonly start: number;
  readonly drain: readonly Drain[];
  readonly reasons: readonly string[];
  /** When to ask again if nothing happens until then. */
  readonly checkAt: number | undefined;
  /** Why its hardware has no room for all that are wanted: to be asked again when an instance of another pool has gone. */
  readonly shortOf?: string | undefined;
  /** Why instances that no request waits for are not started, as long as it is not known that they can be paid. */
  readonly unpaid?: string | undefined;
  /** Whether the account can pay is to be asked now. */
  readonly asksFunds: boolean;
}

export function decideScale(state: ScaleState, now: number): ScaleDecision {
  if (!state.isEnabled) return drainAll(state);
  const all = state.instances.filter((each) => each.isCurrent && each.phase !== 'draining');
  const over = dropOverMaximum(all, state.limits.maxInstances);
  const current = all.filter(({ id }) => !over.some((drain) => drain.id === id));
  const most = findMost(state);
  const wanted = countWanted(state, { current, most, now });
  const rollOver = replaceOutdated(state.instances, { wanted: wanted.count, maxInstances: most.count });
  const unneeded = dropUnneeded(state, { current, wanted: wanted.count, now });
  const { count, reasons, checkAt, ...withheld } = countStarts(state, { current, wanted, most, now });
  const dropped = [...over, ...unneeded.drain];
  return {
    target: current.length - unneeded.drain.length + count,
    start: count,
    drain: [...rollOver.drain, ...dropped],
    reasons: [...wanted.reasons, ...rollOver.reasons, ...reasons, ...dropped.map(({ because }) => because)],
    checkAt: earliest([unneeded.checkAt, checkAt, wanted.checkAt]),
    ...withheld,
  };
}

function drainAll(state: ScaleState): ScaleDecision {
  const because = state.whyDisabled ?? 'the deployment is disabled';
  const alive = state.instances.filter(({ phase }) => phase !== 'draining');
  const drain = alive.map(({ id }) => ({ id, because }));
  return { target: 0, start: 0, drain, reasons: [because], checkAt: undefined, asksFunds: false };
}

interface Wanted {
  readonly count: number;
  /** What the requests alone ask for: those that run and those that wait. */
  readonly forQueue: number;
  readonly reasons: readonly string[];
  readonly checkAt: number | undefined;
}

interface Wanting {
  readonly current: readonly ScaledInstance[];
  readonly most: Most;
  readonly now: number;
}

/** By the queue, the minimum and warm-up calls; instances kept warm beyond that are drops.pure.ts's business. */
function countWanted(state: ScaleState, { current, most, now }: Wanting): Wanted {
  const { limits, warmUp } = state;
  const reasons: string[] = [];
  let count = limits.minInstances;
  if (count > current.length) reasons.push(`min_instances is ${count}`);
  let checkAt: number | undefined;
  if (warmUp !== undefined && now < warmUp.until) {
    checkAt = warmUp.until;
    if (warmUp.instances > Math.max(count, current.length))
      reasons.push(`${warmUp.instances} wanted by a warm-up call`);
    count = Math.max(count, warmUp.instances);
  }
  const forQueue = countForQueue(state, current);
  if (forQueue > Math.max(count, current.length)) reasons.push(describeQueue(state, current.length, forQueue));
  count = Math.max(count, forQueue);
  if (count > most.count && count > current.length) reasons.push(most.because);
  return { count, forQueue, reasons, checkAt };
}

function countForQueue({ waiting, limits }: ScaleState, current: readonly ScaledInstance[]): number {
  const busy = current.filter(({ running }) => running > 0).length;
  if (waiting === 0) return busy;
  if (limits.queueSize === 0) return busy + waiting;
  // A starting instance is wanted while anything waits; capacity is added above queue_size per instance.
  const forQueue = Math.ceil(waiting / limits.queueSize);
  const starting = current.filter(({ phase }) => phase === 'starting').length;
  return Math.max(forQueue, busy + Math.min(starting, waiting));
}

function describeQueue({ waiting, givenAhead = 0, limits }: ScaleState, existing: number, wanted: number): string {
  const ahead = givenAhead === 0 ? '' : ` (${givenAhead} of them given ahead)`;
  return `${waiting} waiting${ahead} for ${existing} instances, queue_size ${limits.queueSize}: ${wanted} wanted`;
}
