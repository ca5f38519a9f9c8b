import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog, useTestDatabase } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import { createDatabase, type Database } from './database.ts';
import { type DatabaseUnavailable, isDatabaseUnavailable } from './database-unavailable.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts';
import { sql } from './sql.ts';

const used = useTestDatabase('empty');
beforeAll(() => used.db().query(sql`create table kept (id int primary key)`));

async function withDatabase(run: (db: Database) => Promise<void>, statementTimeoutMs = 5_000): Promise<void> {
  const db = createDatabase({ connection: used.connection(), log: silentLog, poolSize: 2, statementTimeoutMs });
  try {
    await run(db);
  } finally {
    await db.stop();
  }
}

const failure = (promise: Promise<unknown>): Promise<DatabaseUnavailable> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error) => (isDatabaseUnavailable(error) ? error : Promise.reject(error)),
  );

const idsBelow = (most: number): Promise<{ id: number }[]> =>
  used.db().query(sql`select id from kept where id < ${most} order by id`);

/** Cuts the sessions whose running or last statement has the word in it. */
const cut = (word: string): Promise<unknown> =>
  until(`a session with ${word} is cut`, async () => {
    const rows = await used.db().query(sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and query like ${`%${word}%`}`);
    return rows.length > 0;
  });

function isProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a transaction keeps all or nothing, and its connection is clean afterwards', async () => {
  await withDatabase(async (db) => {
    await db.transaction(async (tx) => {
      await tx.query(sql`insert into kept values (1)`);
      await tx.query(sql`insert into kept values (2)`);
    });
    const broken = db.transaction(async (tx) => {
      await tx.query(sql`insert into kept values (3)`);
      await tx.query(sql`insert into kept values (1)`);
    });
    await expect(broken).rejects.toMatchObject({ code: '23505' });
    await expect(db.transaction(() => Promise.reject(new Error('changed my mind')))).rejects.toThrow('changed my mind');
    await db.query(sql`insert into kept values (4)`);
  });
  expect(await idsBelow(10)).toEqual([{ id: 1 }, { id: 2 }, { id: 4 }]);
});

test('a statement that takes too long is ended and passes as a database that is away; a transaction can allow itself more', async () => {
  await withDatabase(async (db) => {
    const tooSlow = { name: 'DatabaseUnavailable', ambiguous: false, cause: { code: '57014' } };
    await expect(db.query(sql`select pg_sleep(10)`)).rejects.toMatchObject(tooSlow);
    await db.transaction((tx) => tx.query(sql`select pg_sleep(0.3)`), { statementTimeoutMs: 0 });
    await expect(db.transaction((tx) => tx.query(sql`select pg_sleep(10)`))).rejects.toMatchObject(tooSlow);
    expect(db.ready()).toBe(true);
  }, 100);
});

test('a connection lost under a statement leaves open whether it was carried out', async () => {
  await withDatabase(async (db) => {
    const failed = failure(db.query(sql`select pg_sleep(20), 'cut_alone'`));
    await cut('cut_alone');
    expect((await failed).ambiguous).toBe(true);
    await until('the database is seen to be there', () => db.ready());
    expect(await db.query(sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });
});

test('a connection lost inside a transaction means that nothing was kept', async () => {
  await withDatabase(async (db) => {
    const failed = failure(
      db.transaction(async (tx) => {
        await tx.query(sql`insert into kept values (20)`);
        await tx.query(sql`select pg_sleep(20), 'cut_inside'`);
      }),
    );
    await cut('cut_inside');
    expect((await failed).ambiguous).toBe(false);
  });
  expect(await idsBelow(30)).not.toContainEqual({ id: 20 });
});

test('an idle connection that is cut is replaced without anybody noticing', async () => {
  await withDatabase(async (db) => {
    const [session] = await db.query<{ pid: number }>(sql`select pg_backend_pid() as pid, 'cut_idle'`);
    let wasDown = false;
    db.onDown(() => {
      wasDown = true;
    });
    await cut('cut_idle');
    await until('the session is gone', () => !isProcess(session?.pid ?? 0));
    await new Promise((resolve) => setImmediate(resolve));
    expect(await db.query(sql`select 1 as one`)).toEqual([{ one: 1 }]);
    expect(wasDown).toBe(false);
  });
});

test('a listener hears what was notified, and after a gap that it may have missed something', async () => {
  await withDatabase(async (db) => {
    const heard: (string | undefined)[] = [];
    const stop = await db.listen('Some "channel"', (payload) => heard.push(payload));
    await db.query(sql`select pg_notify('Some "channel"', 'first')`);
    await until('the first is heard', () => heard.length === 1);
    await cut('listen "Some');
    await until('the gap is told', () => heard.length === 2);
    await db.query(sql`select pg_notify('Some "channel"', 'second')`);
    await until('the second is heard', () => heard.length === 3);
    await stop();
    await db.query(sql`select pg_notify('Some "channel"', 'third')`);
    await db.query(sql`select 1`);
    expect(heard).toEqual(['first', undefined, 'second']);
  });
});

test('a DATABASE_URL works, whatever session settings it brings', async () => {
  const { host, user, database } = used.connection();
  const query = new URLSearchParams({ host, options: '-c timezone=Asia/Kolkata' });
  const db = createDatabase({ url: `postgres://${user}@localhost/${database}?${query}`, log: silentLog });
  const rows = await db.query(
    sql`select current_setting('timezone') as zone, timestamptz '2026-01-02 03:04:05.5Z' as at`,
  );
  expect(rows).toEqual([{ zone: 'Asia/Kolkata', at: Date.parse('2026-01-02T03:04:05.500Z') }]);
  await db.stop();
});

let dataDir = '';
let server: EmbeddedPostgres;
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'comfleet-database-'));
  server = await startEmbeddedPostgres({ dataDir, log: silentLog, onExit: () => {} });
});
afterAll(async () => {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test('a server that dies and comes back is told as down and ready, and no acknowledged write is lost', async () => {
  const db = createDatabase({ connection: server.connection, log: silentLog });
  const told: string[] = [];
  db.onDown(() => told.push('down'));
  db.onReady(() => told.push('ready'));
  await db.query(sql`create table acknowledged (id int)`);
  const acknowledged: number[] = [];
  for (let kill = 0; kill < 3; kill += 1) {
    for (let id = kill * 100; id < kill * 100 + 20; id += 1) {
      await db.query(sql`insert into acknowledged values (${id})`);
      acknowledged.push(id);
    }
    process.kill(server.pid ?? 0, 'SIGKILL');
    const error = await failure(
      until('a write fails', () => db.query(sql`insert into acknowledged values (-1)`).then(() => false)),
    );
    expect(error.message).toContain('the database cannot be reached');
    expect(db.ready()).toBe(false);
    await until('the database is ready again', () => db.ready());
  }
  const rows = await db.query<{ id: number }>(sql`select id from acknowledged where id >= 0 order by id`);
  expect(rows.map(({ id }) => id)).toEqual(acknowledged);
  expect(told).toEqual(['down', 'ready', 'down', 'ready', 'down', 'ready']);
  await db.stop();
});

test('listening that is asked for while the server is down starts when it is back, and says that there was a gap', async () => {
  const db = createDatabase({ connection: server.connection, log: silentLog });
  process.kill(server.pid ?? 0, 'SIGKILL');
  const heard: (string | undefined)[] = [];
  const stops = await Promise.all(['a', 'b'].map((channel) => db.listen(channel, (payload) => heard.push(payload))));
  await until('both channels are told of the gap', () => heard.length === 2);
  await until('a notification gets through', () =>
    db.query(sql`select pg_notify('a', 'x')`).then(
      () => true,
      () => false,
    ),
  );
  await until('it is heard', () => heard.includes('x'));
  for (const stop of stops) await stop();
  await db.stop();
});

test('a server that is not there at all fails writes as certainly not done', async () => {
  const connection = { ...server.connection, host: join(dataDir, 'nothing') };
  const db = createDatabase({ connection, log: silentLog });
  expect((await failure(db.query(sql`select 1`))).ambiguous).toBe(false);
  expect((await failure(db.transaction((tx) => tx.query(sql`select 1`)))).ambiguous).toBe(false);
  await db.stop();
});

test('a server that is frozen does not hold callers for longer than its time-out and a grace', async () => {
  const db = createDatabase({ connection: server.connection, log: silentLog, poolSize: 1, statementTimeoutMs: 200 });
  const [session] = await db.query<{ pid: number }>(sql`select pg_backend_pid() as pid`);
  process.kill(session?.pid ?? 0, 'SIGSTOP');
  expect((await failure(db.query(sql`select 1`))).ambiguous).toBe(true);
  process.kill(session?.pid ?? 0, 'SIGCONT');
  await until('the database is ready again', () => db.ready());
  await db.stop();
});

test('a server that freezes before a commit does not hold the transaction either', async () => {
  const db = createDatabase({ connection: server.connection, log: silentLog, poolSize: 1, statementTimeoutMs: 200 });
  let pid = 0;
  const frozen = db.transaction(async (tx) => {
    [{ pid } = { pid: 0 }] = await tx.query<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    process.kill(pid, 'SIGSTOP');
  });
  expect((await failure(frozen)).ambiguous).toBe(true);
  process.kill(pid, 'SIGCONT');
  await until('the database is ready again', () => db.ready());
  await db.stop();
});

test('a full disk takes nothing in, is told apart from a mistake, and costs no connection', async () => {
  await withDatabase(async (db) => {
    const full = sql`do $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$`;
    const inTransaction = db.transaction(async (tx) => {
      await tx.query(sql`insert into kept values (-53100)`);
      await tx.query(full);
    });
    for (const failed of [failure(db.query(full)), failure(inTransaction)]) {
      const { ambiguous, message } = await failed;
      expect([ambiguous, message]).toEqual([false, 'the database has no room left: could not extend file']);
    }
    expect([db.ready(), await idsBelow(-50_000)]).toEqual([true, []]);
  });
});
