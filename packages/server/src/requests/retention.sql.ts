// Takes out of the tables what is past its time, batch by batch. Called by retention.ts.
// reads: deployments
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

interface Bound {
  /** Milliseconds since 1970. */
  readonly before: number;
  readonly limit: number;
}

/** A batch of files; their storage keys. */
export async function deleteOldFiles(db: Queryable, bound: Bound): Promise<{ storage_key: string | null }[]> {
  return await db.query<{ storage_key: string | null }>(sql`
    delete from request_files where ctid in (
      select ctid from request_files where created_at < to_timestamp(${bound.before}::float8 / 1000)
      order by created_at limit ${bound.limit})
    returning storage_key`);
}

/**
 * A batch of ended requests with all that belongs to them; the storage keys of files that were left. By deployment,
 * because the index that lists them serves here too.
 */
export async function deleteOldRequests(db: Queryable, bound: Bound): Promise<{ count: number; keys: string[] }> {
  const before = sql`to_timestamp(${bound.before}::float8 / 1000)`;
  const rows = await db.query<{ count: number; keys: string[] }>(sql`
    with old as materialized (
      select r.* from deployments d cross join lateral (
        select id, deployment_id, created_at, metadata from requests
        where deployment_id = d.id and created_at < ${before} and finished_at < ${before}
        order by created_at, id limit ${bound.limit}) r
      limit ${bound.limit}),
    payloads as (delete from request_payloads where request_id in (select id from old)),
    tries as (delete from attempts where request_id in (select id from old)),
    labels as (
      delete from request_labels l using (
        select o.id, o.deployment_id, o.created_at, m.key, m.value
        from old o, json_each_text(o.metadata::json) m where o.metadata is not null) gone
      where l.deployment_id = gone.deployment_id and l.label = gone.key and l.value = gone.value
        and l.created_at = gone.created_at and l.request_id = gone.id),
    files as (delete from request_files where request_id in (select id from old) returning storage_key),
    requests_gone as (delete from requests where id in (select id from old))
    select (select count(*)::int4 from old) as count,
      array(select storage_key from files where storage_key is not null) as keys`);
  return rows[0] ?? { count: 0, keys: [] };
}

/** A batch of idempotency keys; how many. */
export async function deleteOldKeys(db: Queryable, bound: Bound): Promise<number> {
  const rows = await db.query(sql`
    delete from idempotency_keys where ctid in (
      select ctid from idempotency_keys where created_at < to_timestamp(${bound.before}::float8 / 1000)
      order by created_at limit ${bound.limit})
    returning account_id`);
  return rows.length;
}
