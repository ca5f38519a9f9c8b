// How many of the instances that are missing start now, and why no more: what their hardware has room for, a pause after
// failed starts, and what nobody may be able to pay (funds.pure.ts). Pure; called by decide.pure.ts.
import type { ScaledInstance, ScaleState } from './decide.pure.ts';
import { limitToPayable } from './funds.pure.ts';

export interface Most {
  readonly count: number;
  readonly because: string;
  readonly isHardware: boolean;
}

/** How many there may be, the outdated and draining ones included. */
export function findMost({ limits: { maxInstances }, instances, room }: ScaleState): Most {
  const places = room === undefined ? Number.POSITIVE_INFINITY : instances.length + Math.max(0, room.left);
  if (room !== undefined && places < maxInstances) return { count: places, because: room.because, isHardware: true };
  return { count: maxInstances, because: `max_instances is ${maxInstances}`, isHardware: false };
}

interface Missing {
  readonly current: readonly ScaledInstance[];
  /** `forQueue` are for requests that run or wait. */
  readonly wanted: { readonly count: number; readonly forQueue: number };
  readonly most: Most;
  readonly now: number;
}

interface Starts {
  readonly count: number;
  readonly reasons: readonly string[];
  readonly checkAt: number | undefined;
  /** The rest as in ScaleDecision. */
  readonly shortOf: string | undefined;
  readonly unpaid: string | undefined;
  readonly asksFunds: boolean;
}

export function countStarts(state: ScaleState, { current, wanted, most, now }: Missing): Starts {
  const missing = Math.max(0, Math.min(state.limits.maxInstances, wanted.count) - current.length);
  // Whatever still exists counts: during a roll-over too there are never more than the maximum.
  const room = Math.max(0, most.count - state.instances.length);
  const tried = pauseAfterFailures(state, { missing: Math.min(missing, room), current, now });
  const forRequests = Math.max(0, wanted.forQueue - current.length);
  const paid = limitToPayable(state.funds, { count: tried.count, forRequests }, now);
  return {
    count: paid.count,
    reasons: paid.because === undefined ? tried.reasons : [...tried.reasons, paid.because],
    checkAt: tried.checkAt ?? paid.checkAt,
    shortOf: most.isHardware && missing > room ? most.because : undefined,
    unpaid: paid.because,
    asksFunds: paid.asksFunds,
  };
}

interface Starting {
  readonly missing: number;
  readonly current: readonly ScaledInstance[];
  readonly now: number;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;

/** After a failed start: a pause that doubles, then one at a time until one is ready. */
function pauseAfterFailures({ failedStarts: failed }: ScaleState, { missing, current, now }: Starting) {
  if (missing === 0 || failed === undefined || failed.count === 0) {
    return { count: missing, reasons: [], checkAt: undefined };
  }
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failed.count - 1));
  const until = failed.lastAt + pauseMs;
  const why = `${failed.count} failed ${failed.count === 1 ? 'start' : 'starts'} in a row (${failed.cause})`;
  // A clock that was set back makes no pause longer.
  const isPaused = now >= failed.lastAt && now < until;
  if (isPaused && failed.isDue !== true) {
    const seconds = Math.ceil((until - now) / 1_000);
    return { count: 0, reasons: [`${why}: next attempt in ${seconds} s`], checkAt: until };
  }
  const isTrying = current.some(({ phase }) => phase === 'starting');
  return { count: isTrying ? 0 : 1, reasons: [`${why}: trying one`], checkAt: undefined };
}
