// Bills on the real database: a statement that is tried again bills once; a metered instance is billed for its whole life.
import { describe, expect, it } from 'vitest';
import { useTestDatabase } from '../../testing/test-database.ts';
import type { Database } from '../db/database.ts';
import { DatabaseUnavailable } from '../db/database-unavailable.ts';
import { sql } from '../db/sql.ts';
import { type FinishedRequest, finishRequests } from '../requests/finish.sql.ts';
import { insertRequests, type NewRequest } from '../requests/insert.sql.ts';
import { createLog } from '../telemetry/log.ts';
import { createUsageCounter } from './count-usage.ts';
import { addCredit, costOf, readBalance } from './ledger.sql.ts';
import { createMeter } from './meter.ts';
import { sumUsage } from './usage.sql.ts';

const database = useTestDatabase();
const log = createLog('silent');
const HOUR_MS = 3_600_000;
const NOON = Date.parse('2026-01-10T12:00:00Z');

function newRow(accountId: string, tokenId?: string): NewRequest {
  return {
    id: crypto.randomUUID(),
    accountId,
    tokenId,
    deploymentId: crypto.randomUUID(),
    versionId: crypto.randomUUID(),
    priority: 0,
    createdAt: NOON - 60_000,
    startBy: undefined,
    runWithinMs: undefined,
    webhookUrl: undefined,
    webhookIntermediate: false,
    metadata: undefined,
    body: '{}',
    extraData: undefined,
    lease: { instanceId: crypto.randomUUID(), promptId: crypto.randomUUID() },
  } as NewRequest;
}

function endOf(row: NewRequest, fields: Partial<FinishedRequest> = {}): FinishedRequest {
  const runMs = fields.runMs ?? 2_000;
  return {
    id: row.id,
    epoch: 1,
    state: 'succeeded',
    instanceId: row.lease?.instanceId,
    promptId: row.lease?.promptId,
    startedAt: NOON - 2_000,
    finishedAt: NOON,
    runMs,
    charge: {
      requestId: row.id,
      epoch: 1,
      chargedMicrodollars: 550,
      durationMs: runMs,
      sku: 'TURING_16',
      pricePerHourMicrodollars: 990_000,
    },
    outputs: '{}',
    error: undefined,
    errorCode: undefined,
    cause: 'succeeded',
    report: undefined,
    files: [],
    ...fields,
  } as FinishedRequest;
}

const balanceOf = async (accountId: string) => (await readBalance(database.db(), accountId)).balance_microdollars;

describe('the end of a request', () => {
  it('bills its run once, however often the statement is repeated after a lost answer', async () => {
    const accountId = crypto.randomUUID();
    const row = newRow(accountId);
    await insertRequests(database.db(), [row]);
    for (let n = 0; n < 3; n += 1) {
      expect([...(await finishRequests(database.db(), [endOf(row)]))]).toEqual([row.id]);
    }
    expect(await balanceOf(accountId)).toBe(-550);
    expect(await costOf(database.db(), row.id)).toBe(550);
  });

  it('bills nothing under an epoch that a later one has made void', async () => {
    const accountId = crypto.randomUUID();
    const row = newRow(accountId);
    await insertRequests(database.db(), [row]);
    expect((await finishRequests(database.db(), [endOf(row, { epoch: 0 })])).size).toBe(0);
    expect(await balanceOf(accountId)).toBe(0);
    expect(await costOf(database.db(), row.id)).toBe(0);
  });

  it('bills each account of a group for its own', async () => {
    const accounts = [crypto.randomUUID(), crypto.randomUUID()];
    const rows = Array.from({ length: 20 }, (_, index) => newRow(accounts[index % 2] ?? ''));
    await insertRequests(database.db(), rows);
    await finishRequests(
      database.db(),
      rows.map((row) => endOf(row)),
    );
    for (const accountId of accounts) expect(await balanceOf(accountId)).toBe(-5_500);
  });

  it('and a credit at the same time both count', async () => {
    const accountId = crypto.randomUUID();
    const rows = Array.from({ length: 10 }, () => newRow(accountId));
    await insertRequests(database.db(), rows);
    const credit = { accountId, amountMicrodollars: 1_000, at: NOON, key: undefined, note: undefined };
    await Promise.all(
      rows.flatMap((row) => [finishRequests(database.db(), [endOf(row)]), addCredit(database.db(), credit)]),
    );
    expect(await balanceOf(accountId)).toBe(10 * (1_000 - 550));
  });
});

describe('a metered instance', () => {
  const newInstance = () => ({
    instanceId: crypto.randomUUID(),
    accountId: crypto.randomUUID(),
    deploymentId: crypto.randomUUID(),
    sku: 'TURING_16',
    pricePerHourMicrodollars: 3_600_000,
  });
  const spansOf = async (instanceId: string) =>
    await database.db().query<{ from_ms: number; duration_ms: number; amount_microdollars: number }>(sql`
      select from_ms, duration_ms, amount_microdollars from ledger where instance_id = ${instanceId} order by from_ms`);

  it('is billed from the moment it is asked for until it is gone, in spans without gap', async () => {
    let tick = 500;
    const meter = createMeter({ db: database.db(), log, tick: () => tick });
    const instance = newInstance();
    await meter.instanceAsked(instance);
    tick += 30_000;
    await meter.read();
    await meter.read();
    tick += 5_000;
    await meter.instanceGone(instance.instanceId);
    tick += 60_000;
    await meter.read();
    await meter.instanceGone(instance.instanceId);
    expect(await spansOf(instance.instanceId)).toEqual([
      { from_ms: 0, duration_ms: 30_000, amount_microdollars: -30_000 },
      { from_ms: 30_000, duration_ms: 5_000, amount_microdollars: -5_000 },
    ]);
    expect(await balanceOf(instance.accountId)).toBe(-35_000);
  });

  it('is billed once for a span whose answer got lost', async () => {
    let tick = 0;
    let losing = false;
    const db: Database = {
      ...database.db(),
      async query<Row>(statement: Parameters<Database['query']>[0]) {
        const rows = await database.db().query<Row>(statement);
        if (!losing) return rows;
        losing = false;
        throw new DatabaseUnavailable(true, { cause: new Error('cut off') });
      },
    };
    const meter = createMeter({ db, log, tick: () => tick });
    const instance = newInstance();
    await meter.instanceAsked(instance);
    tick = 10_000;
    losing = true;
    await meter.read();
    tick = 15_000;
    losing = true;
    await meter.instanceGone(instance.instanceId);
    expect(await balanceOf(instance.accountId)).toBe(-15_000);
    const open = await database.db().query(sql`
      select 1 from metered_instances where instance_id = ${instance.instanceId} and gone_at is null`);
    expect(open).toEqual([]);
  });

  it('that lives through a restart goes on where its bill ended; one that does not is closed there', async () => {
    let tick = 0;
    const first = createMeter({ db: database.db(), log, tick: () => tick });
    const [alive, dead] = [newInstance(), newInstance()];
    for (const instance of [alive, dead]) await first.instanceAsked(instance);
    tick = 20_000;
    await first.read();
    // The process dies; a clock of the next one begins anywhere.
    tick = 7;
    const second = createMeter({ db: database.db(), log, tick: () => tick });
    await second.resume((instanceId) => instanceId === alive.instanceId);
    tick += 3_000;
    await second.instanceGone(alive.instanceId);
    await second.read();
    expect(await balanceOf(alive.accountId)).toBe(-23_000);
    expect(await balanceOf(dead.accountId)).toBe(-20_000);
    const open = await database.db().query(sql`select 1 from metered_instances where gone_at is null`);
    expect(open).toEqual([]);
  });
});

describe('usage', () => {
  const ask = (accountId: string, groupBy: 'day' | 'deployment' | 'token') =>
    sumUsage(database.db(), { accountId, from: NOON - 48 * HOUR_MS, until: NOON + 48 * HOUR_MS, groupBy });

  it('is the same whether its hours are counted already or not, and counting again changes nothing', async () => {
    const accountId = crypto.randomUUID();
    const tokenId = crypto.randomUUID();
    const rows = Array.from({ length: 12 }, (_, index) => newRow(accountId, index % 2 ? tokenId : undefined));
    await insertRequests(database.db(), rows);
    // Over a day and a half, so that some lie in each of two days.
    const ends = rows.map((row, index) => endOf(row, { finishedAt: NOON - index * 3 * HOUR_MS, runMs: 1_500 }));
    await finishRequests(database.db(), ends);
    const before = [await ask(accountId, 'day'), await ask(accountId, 'deployment'), await ask(accountId, 'token')];
    let now = NOON - 20 * HOUR_MS;
    const counter = createUsageCounter({ db: database.db(), clock: { now: () => now }, log });
    for (const at of [now, NOON + 30 * 60_000, NOON + 24 * HOUR_MS, NOON + 24 * HOUR_MS]) {
      now = at;
      await counter.count();
      expect([await ask(accountId, 'day'), await ask(accountId, 'deployment'), await ask(accountId, 'token')]).toEqual(
        before,
      );
    }
    const [days, deployments, tokens] = before;
    expect(days).toEqual([
      { key: '2026-01-09', requests: 7, instance_ms: 10_500, cost: 7 * 550 },
      { key: '2026-01-10', requests: 5, instance_ms: 7_500, cost: 5 * 550 },
    ]);
    expect(deployments).toHaveLength(12);
    expect(tokens?.map(({ key, requests, instance_ms }) => [key, requests, instance_ms])).toEqual([
      [undefined, 6, 9_000],
      [tokenId, 6, 9_000],
    ]);
  });
});
