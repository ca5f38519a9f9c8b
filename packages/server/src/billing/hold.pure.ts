// The policy of the gate: how much a live request keeps from being spent by others, and when an account may start another.
// Called by funds.ts.
//
// Each accepted request reserves the price of the run that is expected of it. A submit is accepted while something is left
// of the balance (and of the spending limits) after what the live requests reserve. So with r the largest reservation,
// runs that keep within what they reserved never take a balance below -r, however many submits come at once. A run may
// outlast its reservation as long as unreserved funds pay for it; it is interrupted with 10001 once they do not.
import { priceSpan } from './price.pure.ts';

/** Reserved for a run of a deployment that has not run yet. */
export const FIRST_RUN_MS = 60_000;
const LEAST_MS = 1_000;
/** Runs differ: twice the mean covers nearly all of them. */
const SHARE_OF_MEAN = 2;

export function expectRunMs(meanMs: number | undefined, runTimeoutMs: number): number {
  const expected = meanMs === undefined ? FIRST_RUN_MS : Math.max(LEAST_MS, SHARE_OF_MEAN * meanMs);
  return Math.ceil(Math.min(expected, runTimeoutMs));
}

/** At least one microdollar, so that no number of requests costs nothing to hold. */
export function reserveFor(runMs: number, pricePerHourMicrodollars: number): number {
  if (pricePerHourMicrodollars === 0) return 0;
  return Math.max(1, priceSpan({ fromMs: 0, toMs: runMs }, pricePerHourMicrodollars));
}

const WEIGHT = 0.2;

export function learnMean(meanMs: number | undefined, runMs: number): number {
  return meanMs === undefined ? runMs : meanMs + WEIGHT * (runMs - meanMs);
}

/** Money that may be spent: an account's balance within its limit, or what is left of a token's limit. In microdollars. */
export interface Purse {
  /** As last read from the database; Infinity when there is no limit. */
  readonly left: number;
  /** Charged since, and not in `left` yet. */
  readonly charged: number;
  readonly reserved: number;
  /** What running requests have used beyond what they reserved. */
  readonly overrun: number;
}

export function unreserved(purse: Purse): number {
  return purse.left - purse.charged - purse.reserved - purse.overrun;
}

/** The money itself is used up, whatever is reserved. */
export function isEmpty(purse: Purse): boolean {
  return purse.left - purse.charged <= 0;
}

export function mayStartAnother(purse: Purse): boolean {
  return unreserved(purse) > 0;
}

/** Whether a run that has outlasted its reservation must stop. */
export function mustStopOverrun(purse: Purse): boolean {
  return unreserved(purse) < 0;
}
