// Statements about the lives of started instances. Each may be repeated.
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
}

export async function insertLife(
  db: Queryable,
  { spec, provider, askedAt }: { spec: LifeSpec; provider: string; askedAt: number },
): Promise<void> {
  await db.query(sql`
    insert into instance_lives (id, provider, pool, account_id, deployment_id, sku, fingerprint, asked_at)
    values (${spec.id}, ${provider}, ${spec.pool}, ${spec.accountId}, ${spec.deploymentId}, ${spec.sku},
      ${spec.fingerprint}, to_timestamp(${askedAt}::float8 / 1000))
    on conflict (id) do nothing`);
}

export async function markReady(db: Queryable, id: string): Promise<void> {
  await db.query(sql`
    update instance_lives set ready_at = now() where id = ${id} and ready_at is null and gone_at is null`);
}

export async function markDraining(db: Queryable, id: string, reason: string): Promise<void> {
  await db.query(sql`
    update instance_lives set draining_at = now(), reason = ${reason}
    where id = ${id} and draining_at is null and gone_at is null`);
}

export async function markGone(db: Queryable, id: string, end: { kind: string; reason: string }): Promise<void> {
  await db.query(sql`
    update instance_lives set gone_at = now(), gone_kind = ${end.kind}, reason = ${end.reason}
    where id = ${id} and gone_at is null`);
}

export async function listOpenLives(db: Queryable): Promise<OpenLife[]> {
  const rows = await db.query<{
    id: string;
    pool: string;
    account_id: string;
    deployment_id: string;
    sku: string;
    fingerprint: string;
    asked_at: number;
  }>(sql`
    select id, pool, account_id, deployment_id, sku, fingerprint, asked_at
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
