// Background jobs go on after a connection was killed in the library's hands: while it recorded that a job was done, and
// while it read for the first time what it runs.
import { expect, it } from 'vitest';
import { useTestDatabase } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import { createLog } from '../telemetry/log.ts';
import { createJobs, migrateJobs } from './jobs.ts';
import { sql } from './sql.ts';

const database = useTestDatabase();
const log = createLog('silent');
const isKilled = async () => (await database.db().query(KILL)).length > 0;
const add = (lane: string) => database.db().query(sql`select wake_webhooks(${lane}, now(), 0)`);
const countJobs = async () => (await database.db().query(sql`select from comfleet_jobs._private_jobs`)).length;
const KILL = sql`select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name like 'comfleet jobs%' and wait_event_type = 'Lock'`;

it('other jobs run, although one that is under way never ends', async () => {
  const location = { connection: database.connection(), log };
  await migrateJobs(location);
  const ran: string[] = [];
  let end: () => void = () => undefined;
  const endless = new Promise<void>((resolve) => {
    end = resolve;
  });
  const db = database.db();
  let finish: () => void = () => undefined;
  const locked = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const deliver_webhooks = async ({ lane }: { lane: string }) => {
    ran.push(lane);
    if (lane === 'endless') await endless;
    if (lane === 'first') await locked;
  };
  const jobs = createJobs(location, { deliver_webhooks }, 4);
  jobs.start();
  try {
    await add('endless');
    await add('first');
    await until('both jobs', () => ran.length === 2);
    await db.transaction(async (tx) => {
      await tx.query(sql`lock table comfleet_jobs._private_jobs in access exclusive mode`);
      finish();
      await until('its end is being recorded', isKilled);
    });
    await add('second');
    await until('the second job', () => ran.includes('second'));
    // Nor does the one stay locked whose end could not be recorded.
    end();
    await until('no job is left', async () => (await countJobs()) === 0);
  } finally {
    end();
    await jobs.stop();
  }
  expect(ran).toContain('second');
});

it('gets jobs, although the connection of its first statement was lost', async () => {
  const location = { connection: database.connection(), log };
  await migrateJobs(location);
  const ran: string[] = [];
  const jobs = createJobs(location, { deliver_webhooks: async ({ lane }) => void ran.push(lane) }, 4);
  await database.db().transaction(async (tx) => {
    await tx.query(sql`lock table comfleet_jobs._private_tasks in access exclusive mode`);
    jobs.start();
    await until('its first statement waits', isKilled);
  });
  try {
    await add('one');
    await until('the job', () => ran.length > 0);
    await until('no job is left', async () => (await countJobs()) === 0);
  } finally {
    await jobs.stop();
  }
  expect(ran).toEqual(['one']);
});
