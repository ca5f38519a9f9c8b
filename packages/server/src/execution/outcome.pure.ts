// Why an attempt ended → what becomes of its request. Total: a new cause does not compile until it has an answer here.
import type { ErrorCode } from '@comfleet/api';
import { MOVED } from '../requests/report.pure.ts';

/** Everything that can end an attempt short of its outputs being stored. */
export type Failure =
  | { kind: 'media_failed'; details: string; debugInfo: string }
  | { kind: 'not_sent'; reason: string }
  /** It was taken back before it was sent, to run sooner elsewhere. */
  | { kind: 'moved' }
  | { kind: 'prompt_refused'; details: string; debugInfo: string }
  | { kind: 'queue_unexpected'; details: string; debugInfo: string }
  | { kind: 'node_failed'; details: string; debugInfo: string }
  /** `isOwn`: the request's own limit, not the service's. */
  | { kind: 'run_timeout'; afterMs: number; isOwn: boolean }
  | { kind: 'interrupted_elsewhere' }
  | { kind: 'lost'; reason: string }
  /** `isBilled`: the run was whole, and it is the graph's doing that nothing came of it. */
  | { kind: 'outputs_unreadable'; details: string; debugInfo: string; isBilled?: boolean }
  | { kind: 'unexpected'; details: string; debugInfo: string };

export type Cause = Failure | { kind: 'cancelled' } | { kind: 'closed'; code: ErrorCode; details: string };

export type Outcome =
  | Retry
  /** `isBilled`: whatever its code says. */
  | { kind: 'fail'; code: ErrorCode; details: string; debugInfo: string; isBilled?: true }
  | { kind: 'cancel' };

/** The request waits again, before all others. */
export interface Retry {
  readonly kind: 'retry';
  readonly because: string;
  /** `lost`: the back end may have run it, so it counts against the attempts that a request has. */
  readonly what: 'lost' | 'not_sent' | 'moved';
  /** Not before this. */
  readonly afterMs: number;
}

export interface AttemptHistory {
  /** Attempts of this request that were lost before, this one not among them. */
  readonly losses: number;
  readonly maxAttempts: number;
  /** Attempts in a row that never reached an instance. */
  readonly unsent: number;
  /** Older than the start time-out. */
  readonly hasWaitedTooLong: boolean;
}

export function decideOutcome(cause: Cause, history: AttemptHistory): Outcome {
  switch (cause.kind) {
    case 'cancelled':
      return { kind: 'cancel' };
    case 'closed':
      return fail(cause.code, cause.details);
    case 'not_sent':
      return decideUnsent(cause.reason, history);
    case 'moved':
      return { kind: 'retry', because: MOVED, what: 'moved', afterMs: 0 };
    case 'lost':
      return decideLoss(cause.reason, history);
    case 'media_failed':
      return fail(10009, cause.details, cause.debugInfo);
    case 'prompt_refused':
      return fail(10008, cause.details, cause.debugInfo);
    case 'queue_unexpected':
      return fail(10004, cause.details, cause.debugInfo);
    case 'node_failed':
      return fail(10011, cause.details, cause.debugInfo);
    case 'run_timeout':
      return fail(
        10011,
        `The run was stopped: it took longer than ${cause.isOwn ? 'its run_within_seconds' : "the service's run time-out"} of ${Math.round(cause.afterMs / 100) / 10} s.`,
      );
    case 'interrupted_elsewhere':
      return fail(10011, 'The run was interrupted on its instance by somebody other than this service.');
    case 'outputs_unreadable':
      return { ...fail(10006, cause.details, cause.debugInfo), ...(cause.isBilled ? { isBilled: true } : {}) };
    case 'unexpected':
      return fail(10000, cause.details, cause.debugInfo);
    default:
      return assertNever(cause);
  }
}

function decideLoss(reason: string, history: AttemptHistory): Outcome {
  const attempts = history.losses + 1;
  if (attempts < history.maxAttempts) return { kind: 'retry', because: reason, what: 'lost', afterMs: 0 };
  return fail(10012, `The instance lost the request ${attempts} times; the last time: ${reason}.`);
}

/** Above this the instance that looks ready cannot be relied on; below it, a restart explains them. */
const MANY_UNSENT = 10;

function decideUnsent(reason: string, history: AttemptHistory): Outcome {
  if (history.unsent < MANY_UNSENT || !history.hasWaitedTooLong)
    return { kind: 'retry', because: reason, what: 'not_sent', afterMs: pauseAfter(history.unsent) };
  return fail(
    10007,
    `No instance took the request in ${history.unsent + 1} attempts within the start time-out; the last time: ${reason}.`,
  );
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/** An instance that looks ready and takes nothing must not be asked in a tight loop. */
function pauseAfter(unsent: number): number {
  return unsent === 0 ? 0 : Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (unsent - 1));
}

function fail(code: ErrorCode, details: string, debugInfo = ''): Extract<Outcome, { kind: 'fail' }> {
  return { kind: 'fail', code, details, debugInfo };
}

function assertNever(cause: never): never {
  throw new Error(`no outcome for ${JSON.stringify(cause)}`);
}
