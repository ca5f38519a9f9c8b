// What a run costs the account of its request. Called by requests/finish.ts with the end of each request that ran.
// A run that failed by no fault of the request (its code is one that is worth trying again) costs nothing; neither do
// attempts that were lost before it. Cancelled and failed runs cost the time they were on the instance.
import { ERRORS, type ErrorCode } from '@comfleet/api';
import { priceSpan, wholeMs } from './price.pure.ts';

/** The database's integer: a run of 24 days. */
const MAX_RUN_MS = 2_147_483_647;

export function runMsOf(measuredMs: number): number {
  return Math.min(wholeMs(measuredMs), MAX_RUN_MS);
}

/** In microdollars; undefined: nothing is to be billed. */
export function chargeRun(
  runMs: number | undefined,
  of: { pricePerHourMicrodollars: number; errorCode: ErrorCode | undefined },
): number | undefined {
  if (runMs === undefined || isServicesFault(of.errorCode)) return undefined;
  return priceSpan({ fromMs: 0, toMs: runMs }, of.pricePerHourMicrodollars);
}

function isServicesFault(code: ErrorCode | undefined): boolean {
  return code !== undefined && ERRORS[code].retryable;
}
