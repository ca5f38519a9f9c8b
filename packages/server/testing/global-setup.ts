// Runs once for each vitest run, in vitest's main process: one embedded PostgreSQL for all test files, with a template
// database that has every migration. It starts when the first test file asks, so runs without database tests pay nothing.
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { ConnectionParts } from '../src/db/connection.ts';
import { createDatabase } from '../src/db/database.ts';
import { findPostmaster, stopPostmaster } from '../src/db/embedded/postmaster.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/db/embedded.ts';
import { migrate } from '../src/db/migrate.ts';
import { sql } from '../src/db/sql.ts';

declare module 'vitest' {
  interface ProvidedContext {
    testPostgresUrl: string;
  }
}

export const EMPTY_TEMPLATE = 'template_empty';
export const MIGRATED_TEMPLATE = 'template_migrated';

const KEPT_NOTE = 'kept-databases';

const silent = (): void => {};
const log = { info: silent, warn: silent, error: silent };

interface TestPostgres {
  readonly dataDir: string;
  readonly postgres: EmbeddedPostgres;
}

async function startTestPostgres(): Promise<TestPostgres> {
  await clearAbandoned();
  const dataDir = mkdtempSync(join(tmpdir(), `comfleet-test-${process.pid}-`));
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log,
    onExit: (error) => {
      throw error;
    },
  });
  // No test kills this server: no commit here needs to be on disk before it is answered. Those that do start their own.
  await asAdmin(postgres.connection, 'alter role all set synchronous_commit = off');
  await asAdmin(postgres.connection, `create database ${EMPTY_TEMPLATE}`);
  await asAdmin(postgres.connection, `create database ${MIGRATED_TEMPLATE}`);
  const db = createDatabase({ connection: { ...postgres.connection, database: MIGRATED_TEMPLATE }, log });
  try {
    await migrate(db);
  } finally {
    await db.stop();
  }
  return { dataDir, postgres };
}

/** A run that was killed leaves its server and its folder; a run that kept a failed test's database has left a note. */
async function clearAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^comfleet-test-(\d+)-/.exec(name)?.[1];
    const dataDir = join(tmpdir(), name);
    if (pid === undefined || isRunning(Number(pid)) || existsSync(join(dataDir, KEPT_NOTE))) continue;
    try {
      const clusterDir = join(dataDir, 'postgres');
      const postmaster = findPostmaster(clusterDir);
      if (postmaster !== undefined) await stopPostmaster(postmaster, clusterDir);
      rmSync(dataDir, { recursive: true, force: true });
    } catch {
      // Another user's: theirs to clear.
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function asAdmin(connection: ConnectionParts, text: string): Promise<void> {
  const admin = createDatabase({ connection, log, poolSize: 1 });
  await admin.query({ ...sql.empty, text });
  await admin.stop();
}

/** GET / gives where the server is (and starts it); POST /<name> says that a failed test's database must stay. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kept: string[] = [];
  let starting: Promise<TestPostgres> | undefined;
  const server = createServer((request, reply) => {
    if (request.method === 'POST') {
      kept.push(request.url?.slice(1) ?? '');
      reply.end();
      return;
    }
    starting ??= startTestPostgres();
    starting.then(
      ({ postgres }) => reply.end(JSON.stringify(postgres.connection)),
      (error: Error) => reply.writeHead(500).end(error.message),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  project.provide('testPostgresUrl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.close();
    const started = await starting?.catch(() => undefined);
    await started?.postgres.stop();
    if (started && kept.length === 0) rmSync(started.dataDir, { recursive: true, force: true });
    if (started && kept.length > 0) {
      writeFileSync(join(started.dataDir, KEPT_NOTE), `${kept.join('\n')}\n`);
      process.stderr.write(`Databases of failed tests are kept in ${started.dataDir}: ${kept.join(', ')}\n`);
    }
  };
}
