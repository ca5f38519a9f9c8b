// The days that GET /usage counts, from what the caller gave. Called by routes.ts.
import { type Problem, USAGE_DAYS_MAX } from '@comfleet/api';

export interface Days {
  readonly first: string;
  readonly last: string;
  /** The instants from which and until which is counted. */
  readonly from: number;
  readonly until: number;
}

const DAY_MS = 86_400_000;
const USUAL_DAYS = 30;

export function readDays(
  given: { from?: string | undefined; to?: string | undefined },
  now: number,
): { kind: 'ok'; days: Days } | { kind: 'refused'; problems: Problem[] } {
  const problems: Problem[] = [];
  const last = given.to === undefined ? startOfDay(now) : readDay('to', given.to, problems);
  const first =
    given.from === undefined ? (last ?? now) - (USUAL_DAYS - 1) * DAY_MS : readDay('from', given.from, problems);
  if (first === undefined || last === undefined) return { kind: 'refused', problems };
  const count = (last - first) / DAY_MS + 1;
  if (count < 1 || count > USAGE_DAYS_MAX) {
    const [from, to] = [nameDay(first), nameDay(last)];
    const wrong = count < 1 ? 'is after' : `is more than ${USAGE_DAYS_MAX} days before`;
    const at = given.from === undefined ? 'to' : 'from';
    const msg = `from (${from}) ${wrong} to (${to}).`;
    return { kind: 'refused', problems: [{ loc: ['query', at], msg, type: 'bad_range', input: given[at] }] };
  }
  return { kind: 'ok', days: { first: nameDay(first), last: nameDay(last), from: first, until: last + DAY_MS } };
}

function readDay(key: 'from' | 'to', text: string, problems: Problem[]): number | undefined {
  const at = Date.parse(`${text}T00:00:00Z`);
  // The 31st of February is read as a day of March.
  if (!Number.isNaN(at) && nameDay(at) === text) return at;
  problems.push({
    loc: ['query', key],
    msg: `${key} must be a day such as 2026-01-31; it is "${text}".`,
    type: 'bad_format',
    input: text,
  });
  return undefined;
}

function startOfDay(at: number): number {
  return Math.floor(at / DAY_MS) * DAY_MS;
}

function nameDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
