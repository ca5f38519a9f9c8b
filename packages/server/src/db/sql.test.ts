import { expect, test } from 'vitest';
import { useTestDatabase } from '../../testing/test-database.ts';
import {
  boolArray,
  byteaArray,
  float8Array,
  int4Array,
  int8Array,
  textArray,
  timestamptzArray,
  uuidArray,
} from './binary-arrays.ts';
import { sql } from './sql.ts';

const used = useTestDatabase('empty');

test('a value becomes a parameter and never text', () => {
  const hostile = `'; drop table a; --`;
  expect(sql`select ${hostile}, ${1}`).toEqual({ text: 'select $1, $2', values: [hostile, 1] });
});

test('fragments nest and their parameters are numbered through', () => {
  const inner = sql`b = ${2} and c = ${3}`;
  const where = sql.join([sql`a = ${1}`, inner, sql`d`], ' and ');
  expect(sql`select ${0} where ${where} limit ${4}`).toEqual({
    text: 'select $1 where a = $2 and b = $3 and c = $4 and d limit $5',
    values: [0, 1, 2, 3, 4],
  });
});

test('an empty fragment is nothing', () => {
  expect(sql`select 1 ${sql.empty}`).toEqual({ text: 'select 1 ', values: [] });
});

test('more than nine parameters are renumbered whole', () => {
  const eleven = sql.join(
    Array.from({ length: 11 }, (_, index) => sql`${index}`),
    ', ',
  );
  expect(sql`${'first'}, ${eleven}`.text).toBe(Array.from({ length: 12 }, (_, index) => `$${index + 1}`).join(', '));
});

test('a named statement is prepared under its name and answers again', async () => {
  const add = (a: number): ReturnType<typeof sql> => sql.named('add_one')`select ${a}::int + 1 as sum`;
  expect(add(1).name).toBe('add_one');
  expect(await used.db().query(add(1))).toEqual([{ sum: 2 }]);
  expect(await used.db().query(add(2))).toEqual([{ sum: 3 }]);
});

test('JSON parameters keep their quotes and null', async () => {
  const value = { text: `it's "quoted" \\ \u2028`, nothing: null };
  expect(await used.db().query(sql`select ${sql.json(value)}::jsonb as value`)).toEqual([{ value }]);
});

test('binary text arrays carry every character, empty strings and nulls', async () => {
  const values = ['{"a": "b\\"c"}', '', null, 'déjà 日本 🙂', 'null', '{},"'];
  const rows = await used
    .db()
    .query(sql`select t from unnest(${textArray(values)}::text[]) with ordinality u(t, n) order by n`);
  expect(rows).toEqual(values.map((t) => ({ t })));
});

test('binary arrays of the other types arrive as they were', async () => {
  const id = '0197f0c4-7a8b-7cde-8f01-23456789abcd';
  const [row] = await used.db().query(sql`select
    ${uuidArray([id, null])}::uuid[]::text[] as ids, ${byteaArray([Buffer.from([0, 255]), null])}::bytea[] as bytes,
    ${int4Array([-1, null, 2 ** 31 - 1])}::int[] as ints, ${int8Array([-5, 2 ** 40, 2n ** 62n])}::bigint[] as longs,
    ${float8Array([0.1, null])}::float8[] as floats, ${boolArray([true, false, null])}::boolean[] as flags,
    ${timestamptzArray([0, 1_767_323_045_123.456, null])}::timestamptz[] as instants`);
  expect(row).toEqual({
    ids: [id, null],
    bytes: [Buffer.from([0, 255]), null],
    ints: [-1, null, 2 ** 31 - 1],
    longs: [-5, 2 ** 40, 2n ** 62n],
    floats: [0.1, null],
    flags: [true, false, null],
    instants: [0, 1_767_323_045_123.456, null],
  });
});

test('empty binary arrays are empty', async () => {
  const rows = await used.db().query(sql`select x from unnest(${textArray([])}::text[]) x`);
  expect(rows).toEqual([]);
  expect(await used.db().query(sql`select ${uuidArray([])}::uuid[] = '{}' as same`)).toEqual([{ same: true }]);
});

test('what is not a UUID is refused before it is sent', () => {
  expect(() => uuidArray(['0197f0c4-7a8b-7cde-8f01-23456789abcg'])).toThrow('not a UUID');
});

test('rows come back with exact numbers, instants in milliseconds, and decimals as text', async () => {
  const [row] = await used.db().query(sql`select 9007199254740991::bigint as safe, 9007199254740993::bigint as big,
    '2026-01-02 03:04:05.123456+00'::timestamptz as at, '1969-12-31 23:59:59.5+00'::timestamptz as before,
    1.10::numeric as decimal, 'infinity'::timestamptz as never, '2026-01-02'::date as day`);
  expect(row).toEqual({
    safe: 2 ** 53 - 1,
    big: 2n ** 53n + 1n,
    at: 1_767_323_045_123.456,
    before: -500,
    decimal: '1.10',
    never: Number.POSITIVE_INFINITY,
    day: '2026-01-02',
  });
});
