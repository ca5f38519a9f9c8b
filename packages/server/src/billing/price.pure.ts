// What time on an instance costs. Called by the *.pure.ts of billing and by end-unfunded.ts.
// The rule: a span of an instance's life costs price × milliseconds / 3,600,000, in whole microdollars. The cost up to each
// moment of a life is rounded down, and a span costs the difference of its two ends; so however a life is cut into spans,
// their costs add up to exactly the cost of the whole, and nobody pays for a microdollar that was not used up.

const MS_PER_HOUR = 3_600_000;

export interface Span {
  /** Milliseconds since the instance was asked for, or since the run began. Whole, from ≤ to. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Microdollars, a whole number ≥ 0. */
export function priceSpan({ fromMs, toMs }: Span, pricePerHourMicrodollars: number): number {
  return priceUpTo(toMs, pricePerHourMicrodollars) - priceUpTo(fromMs, pricePerHourMicrodollars);
}

function priceUpTo(ms: number, price: number): number {
  const product = ms * price;
  // A remainder of whole numbers is exact, which a quotient rounded down is not.
  if (Number.isSafeInteger(product)) return (product - (product % MS_PER_HOUR)) / MS_PER_HOUR;
  return Number((BigInt(ms) * BigInt(price)) / BigInt(MS_PER_HOUR));
}

/** A measured duration as it is billed: whole milliseconds, never negative. */
export function wholeMs(measuredMs: number): number {
  return measuredMs > 0 ? Math.floor(Math.min(measuredMs, Number.MAX_SAFE_INTEGER)) : 0;
}
