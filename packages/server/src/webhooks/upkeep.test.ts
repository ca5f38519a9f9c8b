// What the sweep wakes, and what it removes.
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { useTestDatabase } from '../../testing/test-database.ts';
import { DatabaseUnavailable } from '../db/database-unavailable.ts';
import { migrateJobs } from '../db/jobs.ts';
import { type Sql, sql } from '../db/sql.ts';
import { createLog } from '../telemetry/log.ts';
import { claimDue } from './deliveries.sql.ts';
import { createWebhookUpkeep } from './upkeep.ts';

const database = useTestDatabase();
const log = createLog('silent');
const DAY_MS = 86_400_000;
const now = Date.now();

beforeAll(async () => {
  // As replicas that start at once do.
  const location = { connection: database.connection() };
  await Promise.all([1, 2, 3].map(() => migrateJobs({ ...location, log })));
});

async function insert(given: {
  lane: string;
  status?: string;
  dueAt?: number;
  claimedUntil?: number;
  createdAt?: number;
}) {
  const { lane, status = 'pending', dueAt = now, claimedUntil, createdAt = now } = given;
  const id = randomUUID();
  await database.db().query(sql`
    insert into webhook_deliveries (id, account_id, deployment_id, request_id, event, url, lane, status, schedule_from,
      next_at, claimed_until, created_at)
    values (${id}, ${randomUUID()}, ${randomUUID()}, ${randomUUID()}, 'ended', 'https://example.org/', ${lane}, ${status},
      now(), to_timestamp(${dueAt}::float8 / 1000), to_timestamp(${claimedUntil ?? null}::float8 / 1000),
      to_timestamp(${createdAt}::float8 / 1000))`);
  return id;
}

async function takeJobs(): Promise<string[]> {
  const rows = await database
    .db()
    .query<{ lane: string }>(sql`delete from comfleet_jobs._private_jobs returning payload ->> 'lane' as lane`);
  return rows.map(({ lane }) => lane).sort();
}

const upkeepAt = (at: number) =>
  createWebhookUpkeep({ db: database.db(), clock: { now: () => at }, log, retentionDays: 7 });

describe('the upkeep of webhooks', () => {
  it('wakes lanes that are overdue and unclaimed, once each', async () => {
    await insert({ lane: 'overdue', dueAt: now - 60_000 });
    await insert({ lane: 'overdue', dueAt: now - 60_000 });
    await insert({ lane: 'claim ran out', dueAt: now - 60_000, claimedUntil: now - 1 });
    await insert({ lane: 'claimed', dueAt: now - 60_000, claimedUntil: now + 60_000 });
    await insert({ lane: 'just due', dueAt: now - 1_000 });
    await insert({ lane: 'later', dueAt: now + 60_000 });
    await insert({ lane: 'delivered', dueAt: now - 60_000, status: 'delivered' });
    await upkeepAt(now).sweep();
    expect(await takeJobs()).toEqual(['claim ran out', 'overdue']);
  });

  it('after a start makes everything due at once, claimed or not', async () => {
    await upkeepAt(now).recover();
    expect(await takeJobs()).toEqual(['claim ran out', 'claimed', 'just due', 'overdue']);
  });

  it('after a start waits for a database that goes away', async () => {
    let calls = 0;
    const db = {
      ...database.db(),
      async query<Row>(statement: Sql): Promise<Row[]> {
        calls += 1;
        // Once for each statement.
        if (calls % 2 === 1) throw new DatabaseUnavailable(false, { cause: new Error('cut off') });
        return await database.db().query<Row>(statement);
      },
    };
    await createWebhookUpkeep({ db, clock: { now: () => now }, log, retentionDays: 7 }).recover();
    expect(await takeJobs()).toEqual(['claim ran out', 'claimed', 'just due', 'overdue']);
  });

  it('removes what is past its retention, but nothing that is still owed', async () => {
    const old = await insert({ lane: 'x', status: 'delivered', createdAt: now - 8 * DAY_MS });
    const owed = await insert({ lane: 'x', createdAt: now - 8 * DAY_MS });
    const young = await insert({ lane: 'x', status: 'failed', createdAt: now - 6 * DAY_MS });
    await upkeepAt(now).sweep();
    const rows = await database.db().query<{ id: string }>(sql`select id from webhook_deliveries`);
    const ids = rows.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([owed, young]));
    expect(ids).not.toContain(old);
  });
});

it('two replicas never claim the same delivery', async () => {
  for (let count = 0; count < 20; count += 1) await insert({ lane: 'shared' });
  let claims = 0;
  const claim = () => {
    claims += 1;
    return claimDue(database.db(), { lane: 'shared', now: now + 1, until: now + 60_000 + claims, limit: 15 });
  };
  const pages = await Promise.all([claim(), claim(), claim()]);
  const ids = pages.flat().map(({ id }) => id);
  expect(ids).toHaveLength(20);
  expect(new Set(ids).size).toBe(20);
});

it('a claim whose answer was lost finds what it had claimed when it is repeated, and no other claim does', async () => {
  const id = await insert({ lane: 'repeated' });
  const wish = { lane: 'repeated', now: now + 1, until: now + 60_000.123, limit: 4 };
  const claim = async (until: number) => (await claimDue(database.db(), { ...wish, until })).map((due) => due.id);
  expect(await claim(wish.until)).toEqual([id]);
  expect(await claim(wish.until + 0.001)).toEqual([]);
  expect(await claim(wish.until)).toEqual([id]);
});
