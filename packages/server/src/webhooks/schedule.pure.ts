// When a failed delivery is tried again: exponential back-off with jitter, within a window that begins with the first
// try. Called by deliver.ts with the outcome of each try.

export interface WebhookTimes {
  /** A receiver that has not answered by then has not. */
  readonly timeoutMs: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  readonly windowMs: number;
}

const HOUR_MS = 3_600_000;

/** 5 s, 10 s, 20 s … up to 3 h, for 24 h: about 17 tries. */
export const WEBHOOK_TIMES: WebhookTimes = {
  timeoutMs: 10_000,
  firstDelayMs: 5_000,
  maxDelayMs: 3 * HOUR_MS,
  windowMs: 24 * HOUR_MS,
};

/** Of a delay: it is drawn from 80 % to 120 %, so that what failed together does not come back together. */
export const JITTER = 0.2;

export interface FailedTry {
  readonly now: number;
  /** When the schedule began: the request's end, or a replay. */
  readonly from: number;
  /** Tries of this schedule so far, the failed one included. */
  readonly tries: number;
  /** 0 ≤ random < 1. */
  readonly random: number;
}

/** The delay before jitter after so many tries. */
export function baseDelayMs(times: WebhookTimes, tries: number): number {
  return Math.min(times.firstDelayMs * 2 ** (tries - 1), times.maxDelayMs);
}

/** What a delivery tells, in this order; the first two only where the submit asked for intermediate states. */
export type DeliveryEvent = 'queued' | 'started' | 'ended';

/** When to try again; undefined: the schedule is exhausted. */
export function decideRetry(times: WebhookTimes, failed: FailedTry): number | undefined {
  const delayMs = baseDelayMs(times, failed.tries) * (1 - JITTER + 2 * JITTER * failed.random);
  const at = failed.now + delayMs;
  return at <= failed.from + times.windowMs ? at : undefined;
}

export type TryOutcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly at: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'disabled'; readonly reason: string };

export const GONE_REASON =
  'The receiver answered 410 (gone): nothing more is sent to this address until a replay of one of its deliveries is acknowledged.';

/** What a try means for its delivery. Only 2xx acknowledges; a redirect is a failure like any other status. */
export function judgeTry(
  times: WebhookTimes,
  delivery: { readonly event: DeliveryEvent },
  tried: FailedTry & { readonly status: number | undefined },
): TryOutcome {
  const { status } = tried;
  if (status !== undefined && status >= 200 && status < 300) return { kind: 'delivered' };
  if (status === 410) return { kind: 'disabled', reason: GONE_REASON };
  if (delivery.event !== 'ended') {
    return { kind: 'failed', reason: 'An intermediate state is sent once; the result has its own delivery.' };
  }
  const at = decideRetry(times, tried);
  if (at !== undefined) return { kind: 'retry', at };
  const hours = Math.round(times.windowMs / HOUR_MS);
  return { kind: 'failed', reason: `Not acknowledged in ${tried.tries} tries over ${hours} h.` };
}
