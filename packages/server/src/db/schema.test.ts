import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeSchema } from '../../testing/describe-schema.ts';
import { useTestDatabase } from '../../testing/test-database.ts';
import { sql } from './sql.ts';

const migrated = useTestDatabase();
const empty = useTestDatabase('empty');

test('schema.sql is what the migrations make (after a change run: npx tsx tools/generate-schema.ts)', async () => {
  const written = readFileSync(new URL('./schema.sql', import.meta.url), 'utf8');
  expect(await describeSchema(migrated.db())).toBe(written);
});

test('the description shows columns, constraints, indexes and storage settings', async () => {
  await empty
    .db()
    .query(sql`create table a (id bigint generated always as identity primary key, "From" text not null default 'x',
    size int check (size > 0)) with (fillfactor = 80)`);
  await empty.db().query(sql`create index a_large on a (size desc) where size > 9`);
  const lines = (await describeSchema(empty.db())).split('\n').map((line) => line.trim());
  expect(lines).toEqual(
    expect.arrayContaining([
      'id bigint not null generated always as identity,',
      `"From" text not null default 'x'::text,`,
      'constraint a_size_check CHECK ((size > 0)),',
      'CREATE INDEX a_large ON public.a USING btree (size DESC) WHERE (size > 9);',
      'alter table a set (fillfactor=80);',
    ]),
  );
});
