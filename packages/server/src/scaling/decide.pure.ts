// How many instances a deployment should have, which are to start and which to go, and why in words. Pure: the scaling
// loop gathers and acts, the simulation replays it.
//
// Asked for whenever something changed (a request came, a run ended, an instance became ready or went), and at `checkAt`.
// It adds capacity at once and takes it away one idle period later, so it never answers one change with two.
import { chooseSurplusMs, guessSurplusMs, isLearned, type KeepWarmMemory } from './keep-warm.pure.ts';
import { replaceOutdated } from './roll-over.pure.ts';

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
  readonly instances: readonly ScaledInstance[];
  readonly coldStartMs: number;
  readonly memory: KeepWarmMemory;
  readonly failedStarts: FailedStarts | undefined;
  /** A warm-up call: so many instances are wanted until then. */
  readonly warmUp: { readonly instances: number; readonly until: number } | undefined;
  /** How many more its hardware has room for, whatever the limits say; undefined: any number. */
  readonly room?: { readonly left: number; readonly because: string } | undefined;
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
}

export function decideScale(state: ScaleState, now: number): ScaleDecision {
  if (!state.isEnabled) return drainAll(state);
  const { limits } = state;
  const all = state.instances.filter((each) => each.isCurrent && each.phase !== 'draining');
  const over = dropOverMaximum(all, limits.maxInstances);
  const current = all.filter(({ id }) => !over.some((drain) => drain.id === id));
  const most = findMost(state);
  const wanted = countWanted(state, { current, most, now });
  const rollOver = replaceOutdated(state.instances, { wanted: wanted.count, maxInstances: most.count });
  const surplus = current.length - Math.min(limits.maxInstances, wanted.count);
  const idle = surplus > 0 ? dropIdle(state, { current, surplus, now }) : NONE;
  const late =
    surplus > idle.drain.length ? dropLate(state, { current, surplus: surplus - idle.drain.length, now }) : NONE;
  // Whatever still exists counts: during a roll-over too there are never more than the maximum.
  const room = Math.max(0, most.count - state.instances.length);
  const missing = Math.max(0, Math.min(limits.maxInstances, wanted.count) - current.length);
  const start = limitStarts(state, { missing: Math.min(missing, room), current, now });
  const checks = [idle.checkAt, late.checkAt, start.checkAt, wanted.checkAt].filter((at) => at !== undefined);
  const unneeded = [...over, ...idle.drain, ...late.drain];
  return {
    target: current.length - idle.drain.length - late.drain.length + start.count,
    start: start.count,
    drain: [...rollOver.drain, ...unneeded],
    reasons: [...wanted.reasons, ...rollOver.reasons, ...start.reasons, ...unneeded.map(({ because }) => because)],
    checkAt: checks.length === 0 ? undefined : Math.min(...checks),
    shortOf: most.isHardware && missing > room ? most.because : undefined,
  };
}

interface Most {
  readonly count: number;
  readonly because: string;
  readonly isHardware: boolean;
}

/** How many there may be, the outdated and draining ones included. */
function findMost({ limits: { maxInstances }, instances, room }: ScaleState): Most {
  const places = room === undefined ? Number.POSITIVE_INFINITY : instances.length + Math.max(0, room.left);
  if (room !== undefined && places < maxInstances) return { count: places, because: room.because, isHardware: true };
  return { count: maxInstances, because: `max_instances is ${maxInstances}`, isHardware: false };
}

function drainAll(state: ScaleState): ScaleDecision {
  const because = state.whyDisabled ?? 'the deployment is disabled';
  const alive = state.instances.filter(({ phase }) => phase !== 'draining');
  const drain = alive.map(({ id }) => ({ id, because }));
  return { target: 0, start: 0, drain, reasons: [because], checkAt: undefined };
}

/** A lowered maximum acts at once: what is idle goes, what runs takes no more. */
function dropOverMaximum(current: readonly ScaledInstance[], maxInstances: number): Drain[] {
  const over = current.length - maxInstances;
  if (over <= 0) return [];
  const leastNeeded = (each: ScaledInstance) => (each.running > 0 ? 2 : each.phase === 'ready' ? 1 : 0);
  const ordered = [...current].sort((a, b) => leastNeeded(a) - leastNeeded(b) || a.idleSince - b.idleSince);
  return ordered.slice(0, over).map(({ id }) => ({ id, because: `max_instances is ${maxInstances}` }));
}

interface Wanted {
  readonly count: number;
  readonly reasons: readonly string[];
  readonly checkAt: number | undefined;
}

interface Wanting {
  readonly current: readonly ScaledInstance[];
  readonly most: Most;
  readonly now: number;
}

/** By the queue, the minimum and warm-up calls; instances kept warm beyond that are dropIdle's business. */
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
  const queue = countForQueue(state, current);
  if (queue > Math.max(count, current.length)) reasons.push(describeQueue(state, current.length, queue));
  count = Math.max(count, queue);
  if (count > most.count && count > current.length) reasons.push(most.because);
  return { count, reasons, checkAt };
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

function describeQueue({ waiting, limits }: ScaleState, existing: number, wanted: number): string {
  return `${waiting} waiting for ${existing} instances, queue_size ${limits.queueSize}: ${wanted} wanted`;
}

const NONE: { drain: Drain[]; checkAt: number | undefined } = { drain: [], checkAt: undefined };

interface Surplus {
  readonly current: readonly ScaledInstance[];
  readonly surplus: number;
  readonly now: number;
}

/** Idle ones whose time is over, those idle longest first. The one used last keeps the promise of keep-warm. */
function dropIdle(state: ScaleState, { current, surplus, now }: Surplus) {
  const idle = current
    .filter((each) => each.phase === 'ready' && each.running === 0)
    .sort((a, b) => a.idleSince - b.idleSince);
  const { keepWarmMs } = state.limits;
  const surplusMs = createSurplusTimes(state);
  const drain: Drain[] = [];
  let checkAt: number | undefined;
  for (const [index, { id, idleSince }] of idle.entries()) {
    if (drain.length === surplus) break;
    const isLast = index === idle.length - 1;
    const keptMs = isLast ? keepWarmMs : surplusMs(idle.length - 1 - index);
    // The same sum as checkAt's: a difference could round to just below, and the question would be asked again for ever.
    const until = idleSince + keptMs;
    if (now >= until) drain.push({ id, because: describeDrop(now - idleSince, isLast) });
    else checkAt = Math.min(checkAt ?? Number.POSITIVE_INFINITY, until);
  }
  return { drain, checkAt };
}

/** A start in less than twice the usual time is waited for: it is nearly paid, and the next request may be near. */
const LATE_BY = 2;

/** Nobody wants them any more, and their start takes so long that it may never end (a Pod that fits nowhere). */
function dropLate({ limits, coldStartMs }: ScaleState, { current, surplus, now }: Surplus): typeof NONE {
  const starting = current
    .filter((each) => each.phase === 'starting' && each.running === 0)
    .sort((a, b) => a.since - b.since);
  const isLateAfterMs = Math.max(LATE_BY * coldStartMs, limits.keepWarmMs);
  const drain: Drain[] = [];
  for (const { id, since } of starting.slice(0, surplus)) {
    if (now < since + isLateAfterMs) return { drain, checkAt: since + isLateAfterMs };
    const seconds = Math.round((now - since) / 1_000);
    drain.push({ id, because: `starting for ${seconds} s, and nothing waits for it any more` });
  }
  return { drain, checkAt: undefined };
}

/** By how many that are idle were used after it. Asked for many in a row: once something is known, all are alike. */
function createSurplusTimes({ memory, coldStartMs, limits }: ScaleState): (rank: number) => number {
  let known: number | undefined;
  return (rank) => {
    if (!isLearned(memory)) return guessSurplusMs(rank, { coldStartMs, keepWarmMs: limits.keepWarmMs });
    known ??= chooseSurplusMs(memory, coldStartMs, limits.keepWarmMs);
    return known;
  };
}

function describeDrop(idleMs: number, isLast: boolean): string {
  const seconds = `idle for ${Math.round(idleMs / 1_000)} s`;
  return isLast ? `${seconds}: keep-warm is over` : `${seconds}, another one is warm, and it is unlikely to be needed`;
}

interface Starting {
  readonly missing: number;
  readonly current: readonly ScaledInstance[];
  readonly now: number;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;

/** After a failed start: a pause that doubles, then one at a time until one is ready. */
function limitStarts({ failedStarts: failed }: ScaleState, { missing, current, now }: Starting) {
  if (missing === 0 || failed === undefined || failed.count === 0) {
    return { count: missing, reasons: [], checkAt: undefined };
  }
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failed.count - 1));
  const until = failed.lastAt + pauseMs;
  const why = `${failed.count} failed ${failed.count === 1 ? 'start' : 'starts'} in a row (${failed.cause})`;
  if (now < until && failed.isDue !== true) {
    const seconds = Math.ceil((until - now) / 1_000);
    return { count: 0, reasons: [`${why}: next attempt in ${seconds} s`], checkAt: until };
  }
  const isTrying = current.some(({ phase }) => phase === 'starting');
  return { count: isTrying ? 0 : 1, reasons: [`${why}: trying one`], checkAt: undefined };
}
