// A database of its own for each test file, cloned from the migrated template: dropped when the file passed, kept and
// named when a test of it failed. Used by every test that needs PostgreSQL.
import { afterAll, beforeAll, inject } from 'vitest';
import type { ConnectionParts, DatabaseLog } from '../src/db/connection.ts';
import { createDatabase, type Database } from '../src/db/database.ts';
import { sql } from '../src/db/sql.ts';
import { EMPTY_TEMPLATE, MIGRATED_TEMPLATE } from './global-setup.ts';

const silent = (): void => {};
export const silentLog: DatabaseLog = { info: silent, warn: silent, error: silent };

export interface TestDatabase {
  readonly connection: ConnectionParts;
  /** Fails when a session is still open: something the test started was not stopped. */
  drop(): Promise<void>;
  keep(): Promise<void>;
}

export async function createTestDatabase(template: 'migrated' | 'empty' = 'migrated'): Promise<TestDatabase> {
  const starterUrl = inject('testPostgresUrl');
  const reply = await fetch(starterUrl);
  if (!reply.ok) throw new Error(`the test database did not start: ${await reply.text()}`);
  const server = (await reply.json()) as ConnectionParts;
  const name = `test_${crypto.randomUUID().slice(0, 8)}`;
  const from = template === 'migrated' ? MIGRATED_TEMPLATE : EMPTY_TEMPLATE;
  // The copy of files would have a checkpoint write everybody's pages to the disk, twice.
  await asAdmin(server, (admin) => runText(admin, `create database ${name} template ${from} strategy wal_log`));
  return {
    connection: { ...server, database: name },
    drop: () =>
      asAdmin(server, async (admin) => {
        const open = await waitForSessionsToEnd(admin, name);
        await runText(admin, `drop database ${name} with (force)`);
        if (open.length > 0) throw new Error(`still connected to the test's database: ${open.join('; ')}`);
      }),
    keep: async () => void (await fetch(`${starterUrl}/${name}`, { method: 'POST' })),
  };
}

export interface UsedTestDatabase {
  /** For what connects by itself, such as a test app. */
  connection(): ConnectionParts;
  db(): Database;
}

/** Called at the top of a test file: the database exists from before its first test to after its last. */
export function useTestDatabase(template: 'migrated' | 'empty' = 'migrated'): UsedTestDatabase {
  let made: { database: TestDatabase; db: Database } | undefined;
  beforeAll(async () => {
    const database = await createTestDatabase(template);
    made = { database, db: createDatabase({ connection: database.connection, log: silentLog }) };
  });
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the pattern to see which fixtures are wanted: none
  afterAll(async ({}, suite) => {
    await made?.db.stop();
    if (hasFailed(suite)) await made?.database.keep();
    else await made?.database.drop();
  });
  const requireMade = (): { database: TestDatabase; db: Database } => {
    if (!made) throw new Error('the test database exists only inside hooks and tests');
    return made;
  };
  return { connection: () => requireMade().database.connection, db: () => requireMade().db };
}

interface Task {
  readonly result?: { readonly state?: string } | undefined;
  readonly tasks?: readonly Task[];
}

const hasFailed = (task: Task): boolean => task.result?.state === 'fail' || (task.tasks ?? []).some(hasFailed);

async function asAdmin<T>(connection: ConnectionParts, run: (admin: Database) => Promise<T>): Promise<T> {
  const admin = createDatabase({ connection, log: silentLog, poolSize: 1, statementTimeoutMs: 60_000 });
  try {
    return await run(admin);
  } finally {
    await admin.stop();
  }
}

const runText = (db: Database, text: string): Promise<unknown[]> => db.query({ ...sql.empty, text });

const SESSION_END_MS = 2_000;

/** The server notices a closed connection a moment later. */
async function waitForSessionsToEnd(admin: Database, name: string): Promise<string[]> {
  const until = performance.now() + SESSION_END_MS;
  for (;;) {
    const rows = await admin.query<{ what: string }>(
      sql`select application_name || ': ' || left(query, 100) as what from pg_stat_activity where datname = ${name}`,
    );
    if (rows.length === 0 || performance.now() > until) return rows.map(({ what }) => what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
