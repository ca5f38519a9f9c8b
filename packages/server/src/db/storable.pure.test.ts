import { expect, test } from 'vitest';
import { useTestDatabase } from '../../testing/test-database.ts';
import { sql } from './sql.ts';
import { storableJson } from './storable.pure.ts';

const database = useTestDatabase();

/** As an instance may write it: NUL, half a pair, and what only looks like an escape. */
const HOSTILE = 'a\0b \ud83d \u{1f600} \\u0000 \\ud83d \\\\u0000 \u0001';
const AS_STORED = HOSTILE.replace('\0', '\ufffd').replace('\ud83d ', '\ufffd ');

test('a text that PostgreSQL would refuse is stored with a mark in place of what it refuses', async () => {
  const [row] = await database.db().query<{ text: string }>(sql`select ${HOSTILE}::text as text`);
  expect(row?.text).toBe(AS_STORED);
  const inside = await database
    .db()
    .transaction((tx) => tx.query<{ text: string }>(sql`select ${HOSTILE}::text as text`));
  expect(inside).toEqual([{ text: AS_STORED }]);
});

test('so is JSON, as a value and as a text that is read with JSON functions', async () => {
  const value = { [HOSTILE]: [HOSTILE, 1], plain: 'x' };
  const stored = { [AS_STORED]: [AS_STORED, 1], plain: 'x' };
  expect(await database.db().query(sql`select ${sql.json(value)}::jsonb as value`)).toEqual([{ value: stored }]);
  const text = storableJson(value);
  expect(JSON.parse(text)).toEqual(stored);
  expect(await database.db().query(sql`select ${text}::json ->> 'plain' as plain`)).toEqual([{ plain: 'x' }]);
});
