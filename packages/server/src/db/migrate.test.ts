import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, silentLog, useTestDatabase } from '../../testing/test-database.ts';
import { createDatabase } from './database.ts';
import { migrate, migrationsDir, readMigrations } from './migrate.ts';
import { sql } from './sql.ts';

const used = useTestDatabase('empty');
let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'migrations-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(dir, name), text);

/** A database of its own for tests that need their own history. */
async function withEmptyDatabase(run: (db: ReturnType<typeof createDatabase>) => Promise<void>): Promise<void> {
  const database = await createTestDatabase('empty');
  const db = createDatabase({ connection: database.connection, log: silentLog });
  try {
    await run(db);
  } finally {
    await db.stop();
    await database.drop();
  }
}

test('migrations are applied once, in order, several statements a file', async () => {
  write('0001_first.sql', 'create table a (id int); insert into a values (1);');
  write('0002_second.sql', 'insert into a select id + 1 from a;');
  expect(await migrate(used.db(), dir)).toEqual(['0001_first.sql', '0002_second.sql']);
  expect(await migrate(used.db(), dir)).toEqual([]);
  expect(await used.db().query(sql`select id from a order by id`)).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a migration that fails leaves nothing of itself and is tried again', async () => {
  write('0003_third.sql', 'insert into a values (30); insert into missing values (1);');
  await expect(migrate(used.db(), dir)).rejects.toThrow('"missing" does not exist');
  expect(await used.db().query(sql`select id from a where id = 30`)).toEqual([]);
  write('0003_third.sql', 'insert into a values (30);');
  expect(await migrate(used.db(), dir)).toEqual(['0003_third.sql']);
});

test('replicas that migrate at once apply each migration once', async () => {
  await withEmptyDatabase(async (db) => {
    const results = await Promise.all([migrate(db, dir), migrate(db, dir), migrate(db, dir), migrate(db, dir)]);
    expect(results.flat().sort()).toEqual(['0001_first.sql', '0002_second.sql', '0003_third.sql']);
  });
});

test('an older version refuses a database that a newer one changed in a breaking way, and takes any other', async () => {
  await withEmptyDatabase(async (db) => {
    await migrate(db, dir);
    await db.query(sql`insert into migrations (number, name, is_breaking) values (4, '0004_more.sql', false)`);
    expect(await migrate(db, dir)).toEqual([]);
    await db.query(sql`insert into migrations (number, name, is_breaking) values (5, '0005_split.sql', true)`);
    await expect(migrate(db, dir)).rejects.toThrow(/newer version of comfleet \(0005_split\.sql\)/);
  });
});

test('a breaking migration says so in a line of its own', () => {
  write('0004_break.sql', '-- owner: a\n-- breaking\ndrop table a;');
  expect(readMigrations(dir).map(({ isBreaking }) => isBreaking)).toEqual([false, false, false, true]);
});

test('a gap in the numbers is refused', () => {
  write('0006_gap.sql', 'select 1;');
  expect(() => readMigrations(dir)).toThrow('0006_gap.sql');
});

/** What a service of the release before would stumble over. Since the replicas, they run beside each other. */
const BREAKS =
  /\b(drop|rename|truncate)\b|\bset not null\b|\balter column \w+ (set data )?type\b|\badd (constraint|check|unique|foreign)\b/i;
const NEEDS_A_VALUE =
  /\badd column (?:if not exists )?\w+ [^,;]*\bnot null\b(?![^,;]*\bdefault\b)(?<!\bdefault\b[^,;]*)/i;
const FIRST_WITH_REPLICAS = 11;

function breaks(text: string): boolean {
  const statements = text.replace(/--.*$/gm, '');
  return BREAKS.test(statements) || NEEDS_A_VALUE.test(statements);
}

test('a migration that does not say that it breaks older services only adds', () => {
  const silent = readMigrations(migrationsDir()).filter(
    ({ number, isBreaking }) => number >= FIRST_WITH_REPLICAS && !isBreaking,
  );
  expect(silent.length).toBeGreaterThan(0);
  expect(silent.filter(({ text }) => breaks(text)).map(({ name }) => name)).toEqual([]);
});

test.each([
  ['alter table a drop column b;', true],
  ['alter table a rename column b to c;', true],
  ['alter table a alter column b type bigint;', true],
  ['alter table a add column b int not null;', true],
  ['alter table a add column b int not null default 0, add column c text;', false],
  ['-- drop nothing\ncreate table a (b int not null); create index on a (b);', false],
])('"%s" breaks older services: %s', (text, isBreaking) => {
  expect(breaks(text)).toBe(isBreaking);
});
