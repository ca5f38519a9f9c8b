// How PostgreSQL's values become JavaScript's, for connections made by db/: int8 is a number while that is exact
// (else a bigint), an instant is a number of milliseconds since 1970 with microseconds as the fraction, numeric stays
// text (exact), date, time and interval stay text, json is parsed (select it as ::text where big integers matter).
import pg from 'pg';

const INT8 = 20;
const TEXT_ARRAY = 1009;
const INT8_ARRAY = 1016;
const TIMESTAMPTZ = 1184;
const TIMESTAMPTZ_ARRAY = 1185;
const AS_TEXT = new Set([1082, 1083, 1114, 1186, 1266]);

export function parseInt8(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

/** '2026-01-02 03:04:05.123456+00' → 1767323045123.456. Sessions of db/ are in UTC, unless a DATABASE_URL says otherwise. */
export function parseInstant(text: string): number {
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  if (text === '-infinity') return Number.NEGATIVE_INFINITY;
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([+-]\d\d)(?::?(\d\d))?$/.exec(text);
  if (!parts) throw new RangeError(`an instant this service cannot read: ${text}`);
  const [, day, time, fraction = '', offsetHours, offsetMinutes = '00'] = parts;
  return Date.parse(`${day}T${time}${offsetHours}:${offsetMinutes}`) + Number(fraction.padEnd(6, '0')) / 1000;
}

// The list of known oids in pg's types lacks the array ones.
const parserOf = pg.types.getTypeParser as (oid: number, format: 'text') => (text: string) => (string | null)[];
const parseTextArray = parserOf(TEXT_ARRAY, 'text');

const asText = (text: string): string => text;

const parseArrayOf =
  <T>(parseElement: (text: string) => T) =>
  (text: string): (T | null)[] =>
    parseTextArray(text).map((element) => (element === null ? null : parseElement(element)));

const parsers = new Map<number, (text: string) => unknown>([
  [INT8, parseInt8],
  [INT8_ARRAY, parseArrayOf(parseInt8)],
  [TIMESTAMPTZ, parseInstant],
  [TIMESTAMPTZ_ARRAY, parseArrayOf(parseInstant)],
]);

/** Given to each pg client as `types`, so that nothing global changes. */
export const rowValueTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (format === 'binary') return pg.types.getTypeParser(oid, 'binary');
    return parsers.get(oid) ?? (AS_TEXT.has(oid) ? asText : pg.types.getTypeParser(oid, 'text'));
  },
};
