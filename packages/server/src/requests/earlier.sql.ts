// Finds what an earlier, identical run stored: asked when an instance took an output from its cache. Called by
// execution/earlier-outputs.ts; never on the way of a run that wrote its files itself.

import type { Queryable } from '../db/database.ts';
import { type Sql, sql } from '../db/sql.ts';

export interface EarlierFileRow {
  readonly request_id: string;
  /** The request whose run wrote it; that one may have got it from another. */
  readonly produced_by: string;
  readonly kind: 'output' | 'temp';
  readonly path: string;
  readonly node_id: string | null;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly content_type: string;
  readonly storage_key: string | null;
  readonly content: Buffer | null;
  /** The same version with the same body; else only the name on the instance is the same. */
  readonly is_identical: boolean;
}

/** A request that was given the files of another says of which in its last attempt's report. */
const producer = (id: Sql): Sql => sql`
  coalesce((select a.report::json ->> 'cachedFrom' from attempts a where a.request_id = ${id} order by a.epoch desc limit 1), ${id}::text)`;

/** Who asks: its own account's files only, and never its own. */
export interface Asking {
  readonly requestId: string;
  readonly accountId: string;
  readonly deploymentId: string;
  readonly versionId: string;
  readonly body: string;
}

/** The stored file that this instance called so; of an identical run if there is one, else the latest. */
export async function findEarlierFile(
  db: Queryable,
  source: string,
  asking: Asking,
): Promise<EarlierFileRow | undefined> {
  const rows = await db.query<EarlierFileRow>(sql`
    select f.request_id, f.kind, f.path, f.node_id, f.size_bytes, f.sha256, f.content_type, f.storage_key, f.content,
      ${producer(sql`f.request_id`)} as produced_by, r.version_id = ${asking.versionId} and p.body = ${asking.body} as is_identical
    from (select * from request_files where source = ${source} order by created_at desc limit 50) f
    join requests r on r.id = f.request_id left join request_payloads p on p.request_id = f.request_id
    where r.account_id = ${asking.accountId} and r.id <> ${asking.requestId}
    order by is_identical desc nulls last, f.created_at desc limit 1`);
  return rows[0];
}

/** How far back an identical run is looked for. */
const LOOKED_AT = 2_000;

/** The outputs of the latest identical run, as its result has them. */
export async function findIdenticalRun(
  db: Queryable,
  asking: Asking,
): Promise<{ id: string; produced_by: string; outputs: string } | undefined> {
  const rows = await db.query<{ id: string; produced_by: string; outputs: string }>(sql`
    select r.id, ${producer(sql`r.id`)} as produced_by, r.outputs from (
      select id, state, version_id, outputs, error_code, created_at from requests
      where deployment_id = ${asking.deploymentId} order by created_at desc, id desc limit ${LOOKED_AT}) r
    join request_payloads p on p.request_id = r.id
    where r.state = 'succeeded' and r.version_id = ${asking.versionId} and p.body = ${asking.body}
      and r.error_code is null and r.outputs <> '{}' and r.id <> ${asking.requestId}
    order by r.created_at desc limit 1`);
  return rows[0];
}

export async function listEarlierFiles(db: Queryable, requestId: string): Promise<EarlierFileRow[]> {
  return await db.query<EarlierFileRow>(sql`
    select f.request_id, f.kind, f.path, f.node_id, f.size_bytes, f.sha256, f.content_type, f.storage_key, f.content,
      f.request_id as produced_by, true as is_identical
    from request_files f where request_id = ${requestId}`);
}
