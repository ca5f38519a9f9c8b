// Who is the brain, on a real database: one at a time, followed when it ends, refused when it comes back.
import { connect, createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { silentLog, useTestDatabase } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import { createDatabase, type Database } from './database.ts';
import { DatabaseUnavailable } from './database-unavailable.ts';
import { createFence, Deposed, type Fence } from './fence.ts';
import { createLeader, type Leader } from './leader.ts';
import { sql } from './sql.ts';

const used = useTestDatabase();

interface Replica {
  readonly id: string;
  readonly leader: Leader;
  readonly fence: Fence;
  readonly db: Database;
  readonly deposed: Deposed[];
  elections: number;
  wasCertain: boolean | undefined;
}

const replicas: Replica[] = [];

afterEach(async () => {
  for (const { leader, db } of replicas.splice(0)) {
    await leader.handOver();
    await leader.stop();
    await db.stop();
  }
});

async function makeReplica(connection = used.connection()): Promise<Replica> {
  const id = crypto.randomUUID();
  const deposed: Deposed[] = [];
  const onDeposed = (error: Deposed) => void deposed.push(error);
  const fence = createFence({ replicaId: id, onDeposed });
  const location = { connection, fence };
  const leader = createLeader({
    ...location,
    ownUrl: () => `http://${id}`,
    log: silentLog,
    onElected: () => {
      replica.elections += 1;
      replica.wasCertain = leader.isCertain();
    },
    onDeposed,
  });
  const db = createDatabase({ ...location, log: silentLog, poolSize: 2 });
  const replica: Replica = { id, leader, fence, db, deposed, elections: 0, wasCertain: undefined };
  replicas.push(replica);
  await leader.start();
  return replica;
}

const endSessionsOf = ({ id }: Replica, like = '%') =>
  used.db().query(sql`select pg_terminate_backend(pid) from pg_stat_activity
    where right(application_name, 36) = ${id} and application_name like ${like}`);

test('the first is the brain, the second knows its address, and follows at once when it hands over', async () => {
  const first = await makeReplica();
  const second = await makeReplica();
  expect([first.leader.isLeading(), second.leader.isLeading()]).toEqual([true, false]);
  expect(second.leader.other()?.url).toBe(`http://${first.id}`);
  expect(await first.leader.countOthers()).toBe(1);
  const from = performance.now();
  await first.leader.handOver();
  await until('the second leads', () => second.leader.isLeading());
  // The silence of a brain is waited out for longer.
  expect(performance.now() - from).toBeLessThan(1_000);
  expect([first.elections, second.elections, first.deposed.length]).toEqual([1, 1, 0]);
});

test('a brain whose connection is cut for a moment stays the brain', async () => {
  const first = await makeReplica();
  const second = await makeReplica();
  await endSessionsOf(first, 'comfleet leader %');
  await until('it is connected again', () =>
    first.leader
      .countOthers()
      .then((count) => count === 1)
      .catch(() => false),
  );
  await first.leader.untilCertain();
  expect([first.leader.isLeading(), second.leader.isLeading(), second.elections]).toEqual([true, false, 0]);
});

test('a successor ends the sessions of the one before, whose new ones are refused', async () => {
  const first = await makeReplica();
  await first.db.query(sql`select 1`);
  // Another takes the term, as a follower does that sees no beat.
  await used.db().query(sql`update leadership set term = term + 1, holder = 'somebody', beat = beat + 1`);
  await until('the first is told', () => first.deposed.length > 0);
  await endSessionsOf(first);
  const refused = await until('a new session is opened', () =>
    first.db.query(sql`select 1`).then(
      () => undefined,
      (error: unknown) => (error instanceof DatabaseUnavailable && error.cause instanceof Deposed ? error : undefined),
    ),
  );
  expect(refused.message).toMatch(
    /another replica is the brain now.*: the term is \d+, this was the brain in term \d+/,
  );
  // Callers are answered 503, not 500: nothing was done, and another replica does it.
  expect(refused.ambiguous).toBe(false);
  await used.db().query(sql`update leadership set holder = null, beat = beat + 1`);
});

test('a follower takes over from one that has no session any more', async () => {
  await used.db().query(sql`update leadership set holder = 'dead', url = 'http://dead', beat = beat + 1`);
  const from = performance.now();
  const next = await makeReplica();
  expect(next.leader.isLeading()).toBe(true);
  expect(performance.now() - from).toBeLessThan(1_500);
});

test('one whose beginning took long to arrive is not certain before its first beat', async () => {
  const holding = createDatabase({ connection: used.connection(), log: silentLog, poolSize: 1 });
  const begins = `update leadership set term = term + 1%`;
  const isBeginning = async () =>
    (await used.db().query(sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like ${begins}`))
      .length > 0;
  let next: Promise<Replica> | undefined;
  await holding.transaction(async (tx) => {
    await tx.query(sql`select 1 from leadership for update`);
    next = makeReplica();
    await until('its beginning waits', isBeginning);
    const from = performance.now();
    await until('its beginning is old', () => performance.now() - from > 950);
  });
  const replica = await next;
  expect([replica?.elections, replica?.wasCertain]).toEqual([1, false]);
  await replica?.leader.untilCertain();
  await holding.stop();
});

test('an older service that holds the lock is waited for', async () => {
  const older = createDatabase({
    connection: used.connection(),
    log: silentLog,
    poolSize: 1,
    applicationName: 'comfleet leader 4711',
  });
  await older.query(sql`select pg_advisory_lock(1668246886, 1)`);
  const next = await makeReplica();
  expect([next.leader.isLeading(), next.leader.other()]).toEqual([false, undefined]);
  await older.stop();
  await until('the newer one leads', () => next.leader.isLeading());
});

test('a connection that is lost while it is opened is opened again', async () => {
  const real = used.connection();
  let cuts = 0;
  // Cuts the first connection that listens, in the middle of being opened.
  const line = createServer((near) => {
    const far = connect(
      real.host.startsWith('/') ? { path: `${real.host}/.s.PGSQL.${real.port}` } : { host: real.host, port: real.port },
    );
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => undefined);
      socket.on('close', () => other.destroy());
      socket.on('data', (bytes) => {
        if (socket === near && cuts === 0 && bytes.includes('listen ')) {
          cuts += 1;
          near.destroy();
        } else other.write(bytes);
      });
    }
  });
  await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve));
  const address = line.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const replica = await makeReplica({ ...real, host: '127.0.0.1', port });
    await until('the replica to lead', () => replica.leader.isLeading());
    expect(cuts).toBe(1);
  } finally {
    for (const { leader, db } of replicas.splice(0)) {
      await leader.stop();
      await db.stop();
    }
    line.close();
  }
});
