// Brings the schema to this version: numbered plain SQL files, forward only, one transaction each. Called at start,
// by any number of replicas at once: the row of a migration is inserted first, so the second one waits on the key.
// A file with the line "-- breaking" makes older versions of the service refuse to start on the database.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Database, Queryable } from './database.ts';
import { sql } from './sql.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly text: string;
  readonly isBreaking: boolean;
}

/** The same relative place beside the source and beside the bundle. */
export const migrationsDir = (): string => fileURLToPath(new URL('./migrations/', import.meta.url));

export function readMigrations(dir: string): Migration[] {
  const files = readdirSync(dir)
    .filter((file) => file.endsWith('.sql'))
    .sort();
  return files.map((file, index) => {
    const digits = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(file)?.[1];
    if (Number(digits) !== index + 1) {
      throw new Error(`${file}: migrations are named 0001_what.sql, 0002_what.sql, … without a gap`);
    }
    const text = readFileSync(`${dir}/${file}`, 'utf8');
    return { number: index + 1, name: file, text, isBreaking: /^-- breaking\b/m.test(text) };
  });
}

/** Gives the names of the migrations that this call applied. */
export async function migrate(db: Database, dir: string = migrationsDir()): Promise<string[]> {
  const migrations = readMigrations(dir);
  await ensureTable(db);
  const applied = await db.query<AppliedRow>(sql`select number, name, is_breaking from migrations order by number`);
  refuseNewerBreaking(applied, migrations.length);
  const done = new Set(applied.map(({ number }) => number));
  const names: string[] = [];
  for (const migration of migrations) {
    if (done.has(migration.number)) continue;
    if (await applyOne(db, migration)) names.push(migration.name);
  }
  return names;
}

interface AppliedRow {
  readonly number: number;
  readonly name: string;
  readonly is_breaking: boolean;
}

/** "comf" in ASCII: two replicas that both create the table would fail on the catalog's key. */
const TABLE_LOCK_KEY = 0x636f6d66;

async function ensureTable(db: Database): Promise<void> {
  const [found] = await db.query<{ oid: string | null }>(sql`select to_regclass('migrations')::text as oid`);
  if (found?.oid) return;
  await db.transaction(async (tx) => {
    await tx.query(sql`select pg_advisory_xact_lock(${TABLE_LOCK_KEY})`);
    await tx.query(sql`create table if not exists migrations (
      number int primary key, name text not null, is_breaking boolean not null,
      applied_at timestamptz not null default clock_timestamp())`);
  });
}

function refuseNewerBreaking(applied: readonly AppliedRow[], known: number): void {
  const newer = applied.find((row) => row.number > known && row.is_breaking);
  if (!newer) return;
  throw new Error(
    `the database was changed by a newer version of comfleet (${newer.name}) in a way that this version cannot work ` +
      `with: start the newer version, or restore a backup from before it`,
  );
}

async function applyOne(db: Database, migration: Migration): Promise<boolean> {
  // A statement over a large table may take its time, and so may waiting for another replica's.
  return db.transaction(
    async (tx) => {
      if (!(await insertRow(tx, migration))) return false;
      await tx.query({ text: migration.text, values: [] });
      return true;
    },
    { statementTimeoutMs: 0 },
  );
}

async function insertRow(tx: Queryable, { number, name, isBreaking }: Migration): Promise<boolean> {
  const rows = await tx.query(sql`
    insert into migrations (number, name, is_breaking) values (${number}, ${name}, ${isBreaking})
    on conflict (number) do nothing returning number`);
  return rows.length === 1;
}
