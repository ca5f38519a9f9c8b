// Dollars as callers write and read them ↔ whole microdollars, exactly. Called by routes.ts and by messages about funds.

const MICRODOLLARS = 1_000_000;
/** A double holds every multiple of a microdollar up to here exactly enough to be told from its neighbours. */
const MAX_USD = 1_000_000_000;
/** No credit takes a balance further from zero than this; sums beyond 2^53 could not be told exactly. */
export const MAX_BALANCE_MICRODOLLARS = MAX_USD * MICRODOLLARS;

export type ReadUsd = { kind: 'ok'; microdollars: number } | { kind: 'bad'; because: string };

/** A JavaScript number's shortest decimal form is what the caller wrote, so it is read digit by digit and never multiplied. */
export function readUsd(amount: number): ReadUsd {
  if (!Number.isFinite(amount) || Math.abs(amount) > MAX_USD) {
    return { kind: 'bad', because: `must be a number of dollars from -${MAX_USD} to ${MAX_USD}` };
  }
  const match = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(String(amount));
  if (match === null) return { kind: 'bad', because: 'must have at most 6 decimals: money is counted in microdollars' };
  const [, sign = '', dollars = '0', decimals = ''] = match;
  const microdollars = Number(dollars) * MICRODOLLARS + Number(decimals.padEnd(6, '0'));
  return { kind: 'ok', microdollars: sign === '-' ? 0 - microdollars : microdollars };
}

export function toUsd(microdollars: number): number {
  return microdollars / MICRODOLLARS;
}

/** For messages: "$12.50", "-$0.000275". */
export function formatUsd(microdollars: number): string {
  const whole = Math.abs(microdollars);
  const decimals = String(whole % MICRODOLLARS)
    .padStart(6, '0')
    .replace(/0{1,4}$/, '');
  return `${microdollars < 0 ? '-' : ''}$${Math.floor(whole / MICRODOLLARS)}.${decimals}`;
}
