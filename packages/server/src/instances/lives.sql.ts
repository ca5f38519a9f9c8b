// Statements about the lives of started instances. Each may be repeated. Called by lives.ts; cold starts by app-scaler.ts.
import { float8Array, textArray, uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

/** What it was asked for as (provider.ts: InstanceSpec). */
export interface LifeSpec {
  readonly id: string;
  readonly pool: string;
  readonly accountId: string;
  readonly deploymentId: string;
  readonly sku: string;
  readonly fingerprint: string;
}

export interface OpenLife {
  readonly spec: LifeSpec;
  readonly askedAt: number;
  readonly steps: readonly unknown[];
  readonly busyMs: number;
}

export interface GoneLife {
  readonly id: string;
  readonly provider: string;
  readonly sku: string;
  readonly askedAt: number;
  readonly steps: readonly unknown[];
  readonly busyMs: number;
  readonly goneAt: number;
  readonly reason: string;
  /** Lines. */
  readonly logTail: string | undefined;
}

interface Progress {
  /** Those of lifecycle.pure.ts. */
  readonly steps: readonly unknown[];
  readonly busyMs: number;
}

export interface NewLife {
  readonly spec: LifeSpec;
  readonly provider: string;
  readonly askedAt: number;
}

export async function insertLives(db: Queryable, rows: readonly NewLife[]): Promise<void> {
  const texts = (of: (row: NewLife) => string) => textArray(rows.map(of));
  const ids = (of: (spec: LifeSpec) => string) => uuidArray(rows.map(({ spec }) => of(spec)));
  await db.query(sql`
    insert into instance_lives (id, provider, pool, account_id, deployment_id, sku, fingerprint, asked_at)
    select id, provider, pool, account_id, deployment_id, sku, fingerprint, to_timestamp(asked_ms / 1000)
    from unnest(${ids((spec) => spec.id)}::uuid[], ${texts((row) => row.provider)}::text[],
      ${texts(({ spec }) => spec.pool)}::text[], ${ids((spec) => spec.accountId)}::uuid[],
      ${ids((spec) => spec.deploymentId)}::uuid[], ${texts(({ spec }) => spec.sku)}::text[],
      ${texts(({ spec }) => spec.fingerprint)}::text[], ${float8Array(rows.map((row) => row.askedAt))}::float8[])
      as t (id, provider, pool, account_id, deployment_id, sku, fingerprint, asked_ms)
    on conflict (id) do nothing`);
}

/** Of the last step: `phase` with the reason, when it has one. */
export async function recordStep(
  db: Queryable,
  id: string,
  { phase, reason, steps, busyMs }: Progress & { phase: string; reason: string | undefined },
): Promise<void> {
  await db.query(sql`
    update instance_lives set steps = ${sql.json(steps)}, busy_ms = ${busyMs},
      ready_at = coalesce(ready_at, case when ${phase} = 'ready' then now() end),
      draining_at = coalesce(draining_at, case when ${phase} = 'draining' then now() end),
      reason = coalesce(${reason ?? null}, reason)
    where id = ${id} and gone_at is null`);
}

export async function recordEnd(
  db: Queryable,
  id: string,
  { kind, reason, logTail, steps, busyMs }: Progress & { kind: string; reason: string; logTail: string | undefined },
): Promise<void> {
  await db.query(sql`
    update instance_lives set gone_at = now(), gone_kind = ${kind}, reason = ${reason}, steps = ${sql.json(steps)},
      busy_ms = ${busyMs}, log_tail = ${logTail ?? null}
    where id = ${id} and gone_at is null`);
}

/** Of the pool of this instance, all but the logs of those that went last. */
export async function dropOldLogs(db: Queryable, id: string, kept: number): Promise<void> {
  await db.query(sql`
    update instance_lives set log_tail = null
    where log_tail is not null and gone_at < (
      select min(gone_at) from (
        select gone_at from instance_lives
        where pool = (select pool from instance_lives where id = ${id}) and gone_at is not null
        order by gone_at desc limit ${kept}) newest)
      and pool = (select pool from instance_lives where id = ${id}) and gone_at is not null`);
}

interface LifeRow {
  readonly id: string;
  readonly asked_at: number;
  readonly steps: unknown[];
  readonly busy_ms: number;
}

export async function listOpenLives(db: Queryable): Promise<OpenLife[]> {
  const rows = await db.query<
    LifeRow & { pool: string; account_id: string; deployment_id: string; sku: string; fingerprint: string }
  >(sql`
    select id, pool, account_id, deployment_id, sku, fingerprint, asked_at, steps, busy_ms::float8
    from instance_lives where gone_at is null`);
  return rows.map((row) => ({
    spec: {
      id: row.id,
      pool: row.pool,
      accountId: row.account_id,
      deploymentId: row.deployment_id,
      sku: row.sku,
      fingerprint: row.fingerprint,
    },
    askedAt: row.asked_at,
    steps: row.steps,
    busyMs: row.busy_ms,
  }));
}

/** Those of an account in a pool that went last, newest first; with `id` that one alone. */
export async function listGoneLives(
  db: Queryable,
  { pool, accountId, id, limit }: { pool: string; accountId: string; id?: string | undefined; limit: number },
): Promise<GoneLife[]> {
  const rows = await db.query<
    LifeRow & { provider: string; sku: string; gone_at: number; reason: string | null; log_tail: string | null }
  >(sql`
    select id, provider, sku, asked_at, steps, busy_ms::float8, gone_at, reason, log_tail from instance_lives
    where pool = ${pool} and account_id = ${accountId} and gone_at is not null
      and (${id ?? null}::uuid is null or id = ${id ?? null}::uuid)
    order by gone_at desc limit ${limit}`);
  return rows.map((row) => ({
    id: row.id,
    provider: row.provider,
    sku: row.sku,
    askedAt: row.asked_at,
    steps: row.steps,
    busyMs: row.busy_ms,
    goneAt: row.gone_at,
    reason: row.reason ?? 'nobody knows why',
    logTail: row.log_tail ?? undefined,
  }));
}

/** How long starts took lately, by pool. */
export async function listColdStarts(db: Queryable): Promise<{ pool: string; ms: number }[]> {
  return await db.query(sql`
    select pool, extract(epoch from avg(ready_at - asked_at))::float8 * 1000 as ms from instance_lives
    where ready_at is not null and asked_at > now() - interval '7 days' group by pool`);
}

/** How many days ended lives are kept. */
export async function deleteOldLives(db: Queryable, days: number): Promise<void> {
  await db.query(sql`
    delete from instance_lives where gone_at < now() - make_interval(secs => ${days * 86_400}::float8)`);
}
