import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { bundleEmbeddedProcess, type EmbeddedProcess, runEmbeddedProcess } from '../../testing/run-embedded-process.ts';
import { silentLog } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import type { ConnectionParts } from './connection.ts';
import { createDatabase } from './database.ts';
import { findPostmaster } from './embedded/postmaster.ts';
import { canReach } from './embedded/system-user.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts';
import { sql } from './sql.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };

let bundleDir = '';
let root = '';
const processes: EmbeddedProcess[] = [];
const servers: EmbeddedPostgres[] = [];

beforeAll(async () => {
  bundleDir = await bundleEmbeddedProcess();
  root = mkdtempSync(join(tmpdir(), 'comfleet-embedded-'));
  const made = await startEmbeddedPostgres({ dataDir: join(root, 'made'), log: silentLog, onExit: () => {} });
  await made.stop();
});
afterEach(async () => {
  for (const service of processes.splice(0)) {
    if (service.child.exitCode === null && service.child.signalCode === null) await end(service, 'SIGTERM');
  }
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(() => {
  for (const dir of [bundleDir, root]) rmSync(dir, { recursive: true, force: true });
});

async function start(dataDir: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, log: silentLog, onExit: () => {} });
  servers.push(server);
  return server;
}

/** A data directory with a copy of a cluster: most tests are about what comes after initdb, which takes a second. */
function dataDirWithCluster(name: string): string {
  const dataDir = join(root, name);
  mkdirSync(dataDir, { mode: 0o700 });
  execFileSync('cp', ['-a', join(root, 'made', 'postgres'), dataDir]);
  return dataDir;
}

function run(dataDir: string, user = {}): EmbeddedProcess {
  const started = runEmbeddedProcess(bundleDir, dataDir, user);
  processes.push(started);
  return started;
}

async function startedConnection(service: EmbeddedProcess): Promise<{ connection: ConnectionParts; pid: number }> {
  const { connection, pid, ...rest } = await service.next();
  if (!connection || !pid) throw new Error(`did not start: ${JSON.stringify(rest)}`);
  return { connection, pid };
}

async function ask<Row>(connection: ConnectionParts, statement = sql`select 1 as one`): Promise<Row[]> {
  const db = createDatabase({ connection, log: silentLog, poolSize: 1 });
  try {
    return await db.query<Row>(statement);
  } finally {
    await db.stop();
  }
}

const end = async (service: EmbeddedProcess, signal: NodeJS.Signals): Promise<void> => {
  service.child.kill(signal);
  await until('the service ends', async () => (await service.next()).event === 'ended');
};

test('a data directory of any name and length works, and keeps its rows over a restart', async () => {
  const dataDir = join(root, `it's "a" déjà-vu, 日本語 $HOME \`x\``, 'long'.repeat(30), 'data');
  const first = await start(dataDir);
  await ask(first.connection, sql`create table kept as select 'yes' as word`);
  await first.stop();
  expect(first.pid).toBeUndefined();
  const second = await start(dataDir);
  expect(await ask(second.connection, sql`select word from kept`)).toEqual([{ word: 'yes' }]);
});

test('what is committed is durable, and nothing listens on TCP', async () => {
  const { connection } = await start(dataDirWithCluster('settings'));
  const settings = await ask(
    connection,
    sql`select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'listen_addresses',
      'full_page_writes', 'server_encoding') order by name`,
  );
  expect(settings).toEqual([
    { name: 'fsync', setting: 'on' },
    { name: 'full_page_writes', setting: 'on' },
    { name: 'listen_addresses', setting: '' },
    { name: 'server_encoding', setting: 'UTF8' },
    { name: 'synchronous_commit', setting: 'on' },
  ]);
  expect(statSync(join(root, 'settings', 'postgres')).mode & 0o777).toBe(0o700);
});

test('after a kill -9 of the service the next start adopts the server it left', async () => {
  const dataDir = dataDirWithCluster('adopt');
  const service = run(dataDir);
  const { pid } = await startedConnection(service);
  await end(service, 'SIGKILL');
  expect(findPostmaster(join(dataDir, 'postgres'))).toBe(pid);
  const next = await start(dataDir);
  expect(next.pid).toBe(pid);
  await next.stop();
  expect(findPostmaster(join(dataDir, 'postgres'))).toBeUndefined();
});

test('what a killed service had begun in the database it left is over before the next start reads anything', async () => {
  const dataDir = dataDirWithCluster('begun');
  const service = run(dataDir);
  const { connection } = await startedConnection(service);
  await ask(connection, sql`create table kept (number int)`);
  const connect = async (application_name: string) => {
    const client = new pg.Client({ ...connection, application_name });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const [its, jobs, stranger] = await Promise.all(['comfleet 4711', 'comfleet jobs 4711', 'psql'].map(connect));
  await its?.query('begin; insert into kept values (1)');
  await end(service, 'SIGKILL');
  const next = await start(dataDir);
  expect(await ask(next.connection, sql`select number from kept`)).toEqual([]);
  await expect(its?.query('commit')).rejects.toThrow();
  await expect(jobs?.query('select 1')).rejects.toThrow();
  expect((await stranger?.query('select 7 as number'))?.rows).toEqual([{ number: 7 }]);
  await stranger?.end();
});

test('a second service on one data directory is refused, by the name of the first, which goes on undisturbed', async () => {
  const dataDir = dataDirWithCluster('second');
  const first = run(dataDir);
  const { connection, pid } = await startedConnection(first);
  const second = run(dataDir);
  const refusal = await second.next();
  expect(refusal).toMatchObject({ event: 'refused' });
  expect(refusal.message).toContain(`process ${first.child.pid}`);
  expect(await second.next()).toEqual({ event: 'ended', code: 3 });
  expect(findPostmaster(join(dataDir, 'postgres'))).toBe(pid);
  expect(await ask(connection)).toEqual([{ one: 1 }]);
});

test('of services that start at once on a new data directory exactly one runs', async () => {
  const dataDir = join(root, 'race');
  const events = await Promise.all([run(dataDir), run(dataDir), run(dataDir)].map((service) => service.next()));
  expect(events.map(({ event }) => event).sort()).toEqual(['refused', 'refused', 'started']);
  const winner = events.find(({ event }) => event === 'started');
  if (!winner?.connection) throw new Error('no winner');
  expect(await ask(winner.connection)).toEqual([{ one: 1 }]);
  expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.log']);
});

test('a killed server is started again and has every committed row', async () => {
  const dataDir = dataDirWithCluster('killed');
  const service = run(dataDir);
  const { connection, pid } = await startedConnection(service);
  await ask(connection, sql`create table kept as select 7 as number`);
  process.kill(pid, 'SIGKILL');
  expect(await service.next()).toEqual({ event: 'down' });
  const up = await service.next();
  expect(up.event).toBe('up');
  expect(up.pid).not.toBe(pid);
  expect(await ask(connection, sql`select number from kept`)).toEqual([{ number: 7 }]);
});

test('a service that is stopped while it restarts the server leaves none behind', async () => {
  const dataDir = dataDirWithCluster('stopped');
  const service = run(dataDir);
  const { pid } = await startedConnection(service);
  process.kill(pid, 'SIGKILL');
  expect(await service.next()).toEqual({ event: 'down' });
  await end(service, 'SIGTERM');
  expect(findPostmaster(join(dataDir, 'postgres'))).toBeUndefined();
});

test('Ctrl-C in the terminal of the service does not reach the server', async () => {
  const dataDir = dataDirWithCluster('group');
  const service = run(dataDir);
  const { connection, pid } = await startedConnection(service);
  process.kill(-(service.child.pid ?? 0), 'SIGINT');
  expect(await service.next()).toEqual({ event: 'interrupted' });
  expect(await ask(connection, sql`select pg_backend_pid() > 0 as ok`)).toEqual([{ ok: true }]);
  expect(findPostmaster(join(dataDir, 'postgres'))).toBe(pid);
});

test.each(['postmaster.pid', '.s.PGSQL.5432.lock'])(
  'a left-over %s that names an unrelated process does not stop the start',
  async (name) => {
    const dataDir = dataDirWithCluster(`stale${name}`);
    const dir = join(dataDir, 'postgres');
    const owner = statSync(dir);
    const unrelated = spawn('sleep', ['60'], { uid: owner.uid, gid: owner.gid, stdio: 'ignore' });
    try {
      const file = join(dir, name);
      writeFileSync(file, `${unrelated.pid}\n${dir}\n1600000000\n5432\n.\n\n  1 1\nready\n`, { mode: 0o600 });
      chownSync(file, owner.uid, owner.gid);
      expect(await ask((await start(dataDir)).connection)).toEqual([{ one: 1 }]);
      expect(unrelated.exitCode).toBeNull();
    } finally {
      unrelated.kill();
    }
  },
);

test('what a killed initdb left is cleared away', async () => {
  const dataDir = join(root, 'partial');
  const dead = spawn('true');
  await new Promise((resolve) => dead.once('close', resolve));
  mkdirSync(join(dataDir, `postgres.init-${dead.pid}-abc`, 'base'), { recursive: true });
  await start(dataDir);
  expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.log']);
});

test('a cluster of another major version is refused with what to do', async () => {
  const dataDir = join(root, 'old');
  mkdirSync(join(dataDir, 'postgres'), { recursive: true, mode: 0o700 });
  writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '15\n');
  await expect(start(dataDir)).rejects.toThrow(/made by PostgreSQL 15.*pg_dump/);
});

test('a server that cannot start says why with the end of its log', async () => {
  const dataDir = dataDirWithCluster('broken');
  rmSync(join(dataDir, 'postgres', 'global', 'pg_control'));
  await expect(start(dataDir)).rejects.toThrow(/does not start.*pg_control/s);
});

test('the log is moved aside at a start when it has grown', async () => {
  const dataDir = dataDirWithCluster('log');
  writeFileSync(join(dataDir, 'postgres.log'), Buffer.alloc(5_000_000, 'x'));
  await start(dataDir);
  expect(statSync(join(dataDir, 'postgres.log.1')).size).toBe(5_000_000);
  expect(statSync(join(dataDir, 'postgres.log')).size).toBeLessThan(10_000);
});

test('stopping does not wait for open transactions', async () => {
  const server = await start(dataDirWithCluster('open'));
  const db = createDatabase({ connection: server.connection, log: silentLog });
  const open = db.transaction(async (tx) => {
    await tx.query(sql`select pg_sleep(60)`);
  });
  const failed = expect(open).rejects.toThrow('the database cannot be reached');
  await until('the transaction runs', async () => {
    const rows = await ask<{ n: number }>(
      server.connection,
      sql`select count(*)::int as n from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()`,
    );
    return rows[0]?.n === 1;
  });
  await server.stop();
  await failed;
  await db.stop();
});

test.runIf(isRoot)(
  'root in a private folder: the server runs as another user, on data that stays in the folder',
  async () => {
    const home = join(root, 'home');
    mkdirSync(home, { mode: 0o700 });
    const dataDir = join(home, 'clone', 'data');
    const service = run(dataDir);
    const { connection, pid } = await startedConnection(service);
    expect(await ask(connection)).toEqual([{ one: 1 }]);
    expect(statSync(`/proc/${pid}`).uid).not.toBe(0);
    expect(existsSync(join(dataDir, 'postgres', 'PG_VERSION'))).toBe(true);
  },
);

/** A checkout in a private folder is nothing an ordinary user can run. */
const isOpenToAll = isRoot && canReach(import.meta.dirname, NOBODY);

test.runIf(isOpenToAll)('an ordinary user runs the server as itself', async () => {
  const dataDir = join(mkdtempSync(join(tmpdir(), 'comfleet-user-')), 'data');
  chmodSync(join(dataDir, '..'), 0o700);
  chownSync(join(dataDir, '..'), NOBODY.uid, NOBODY.gid);
  const service = run(dataDir, NOBODY);
  const { connection, pid } = await startedConnection(service);
  expect(statSync(`/proc/${pid}`).uid).toBe(NOBODY.uid);
  expect(await ask(connection)).toEqual([{ one: 1 }]);
  await end(service, 'SIGTERM');
  rmSync(join(dataDir, '..'), { recursive: true, force: true });
});

test.runIf(isRoot)('an ordinary user is told whose cluster it is when it is not its own', async () => {
  const dataDir = join(root, 'foreign');
  await (await start(dataDir)).stop();
  chmodSync(root, 0o755);
  chmodSync(dataDir, 0o777);
  const event = await run(dataDir, { uid: 65_533, gid: 65_533 }).next();
  expect(event.message).toMatch(/belongs to user \d+, and this is user 65533/);
});
