// Why an outbound call gave nothing, in words fit for the caller. The bytes' stream fails with FetchFailure;
// safe-fetch.ts turns one that comes before the bytes into a value. Hosts that cannot be reached all get one text,
// whatever the cause, because a refusal that differs from a time-out would scan ports for the asker.
import { describeUrl } from './target.ts';

export type FetchReason =
  | 'not_allowed'
  | 'unreachable'
  | 'status'
  | 'too_large'
  | 'too_slow'
  | 'too_many_redirects'
  | 'encoding'
  | 'aborted';

export class FetchFailure extends Error {
  readonly reason: FetchReason;
  readonly isRetryable: boolean;
  readonly status: number | undefined;

  constructor(message: string, why: { reason: FetchReason; isRetryable?: boolean; status?: number; cause?: unknown }) {
    super(message, { cause: why.cause });
    this.name = 'FetchFailure';
    this.reason = why.reason;
    this.isRetryable = why.isRetryable ?? false;
    this.status = why.status;
  }
}

export function toFetchFailure(error: unknown, url: URL): FetchFailure {
  if (error instanceof FetchFailure) return error;
  return new FetchFailure(`${describeUrl(url)} could not be read`, {
    reason: 'unreachable',
    isRetryable: true,
    cause: error,
  });
}
