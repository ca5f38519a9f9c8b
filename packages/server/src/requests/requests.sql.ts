// Statements about requests outside the hot path: what status, result, cancel and retention need.

import { uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';
import type { RequestState } from './lifecycle.pure.ts';

export interface RequestRow {
  readonly id: string;
  readonly account_id: string;
  readonly deployment_id: string;
  readonly state: RequestState;
  readonly instance_id: string | null;
  readonly created_at: number;
  readonly finished_at: number | null;
  readonly outputs: string | null;
  readonly error: string | null;
}

/** Reads many by key in one statement; polls of one turn share it. */
export async function findRequests(db: Queryable, ids: readonly string[]): Promise<RequestRow[]> {
  return await db.query<RequestRow>(sql.named('find_requests')`
    select id, account_id, deployment_id, state, instance_id, created_at, finished_at, outputs, error
    from requests where id = any(${uuidArray(ids)}::uuid[])`);
}

export interface PayloadRow {
  readonly request_id: string;
  readonly body: string;
  readonly extra_data: string | null;
}

export async function findPayloads(db: Queryable, ids: readonly string[]): Promise<PayloadRow[]> {
  return await db.query<PayloadRow>(sql.named('find_payloads')`
    select request_id, body, extra_data from request_payloads where request_id = any(${uuidArray(ids)}::uuid[])`);
}

/** The wish to cancel a leased request, durable before it is acknowledged. */
export async function recordCancelWish(db: Queryable, requestId: string): Promise<void> {
  await db.query(sql`
    update requests set cancel_requested_at = coalesce(cancel_requested_at, now())
    where id = ${requestId} and state in ('queued', 'active')`);
}

/** Whether a cancel is on record: its answer may have been lost with a connection, so memory need not know. */
export async function hasCancelWish(db: Queryable, requestId: string): Promise<boolean> {
  const rows = await db.query<{ wished: boolean }>(sql`
    select cancel_requested_at is not null as wished from requests where id = ${requestId}`);
  return rows[0]?.wished ?? false;
}

/** Whether it has not ended: a lease that is refused for another reason is not asked for again. */
export async function isUnfinished(db: Queryable, requestId: string): Promise<boolean> {
  const rows = await db.query<{ id: string }>(sql`
    select id from requests where id = ${requestId} and finished_at is null`);
  return rows.length > 0;
}

export interface UnacknowledgedRow {
  readonly id: string;
  /** Of one that was inserted already leased. */
  readonly promptId: string | undefined;
}

/**
 * Rows of submits that were answered with 503 although their commit may have arrived, as they were inserted: one that another
 * replica has given out since may have run, and goes on with its record.
 */
export async function deleteUnacknowledged(db: Queryable, rows: readonly UnacknowledgedRow[]): Promise<void> {
  await db.query(sql`
    with input as (
      select * from unnest(${uuidArray(rows.map((row) => row.id))}::uuid[],
        ${uuidArray(rows.map((row) => row.promptId ?? null))}::uuid[]) as t (id, prompt_id)),
    gone as (
      delete from requests r using input i
      where r.id = i.id and r.state in ('queued', 'active') and r.prompt_id is not distinct from i.prompt_id
        and r.epoch = case when i.prompt_id is null then 0 else 1 end
      returning r.id),
    keys as (delete from idempotency_keys where request_id in (select id from gone)),
    labels as (delete from request_labels where request_id in (select id from gone))
    delete from request_payloads where request_id in (select id from gone)`);
}

export interface RequestFileRow {
  readonly size_bytes: number;
  readonly sha256: string;
  readonly content_type: string;
  readonly storage_key: string | null;
  readonly content: Buffer | null;
  readonly created_at: number;
}

export async function findRequestFile(
  db: Queryable,
  file: { requestId: string; kind: 'output' | 'temp'; path: string },
): Promise<RequestFileRow | undefined> {
  const rows = await db.query<RequestFileRow>(sql.named('find_request_file')`
    select size_bytes, sha256, content_type, storage_key, content, created_at
    from request_files where request_id = ${file.requestId} and kind = ${file.kind} and path = ${file.path}`);
  return rows[0];
}

export interface EventFileRow {
  readonly kind: 'output' | 'temp';
  readonly path: string;
  readonly nodeId: string | undefined;
  readonly contentType: string;
  readonly sizeBytes: number;
}

/** A request's stored files, as its events tell them. */
export async function listEventFiles(db: Queryable, requestId: string): Promise<EventFileRow[]> {
  const rows = await db.query<{
    kind: 'output' | 'temp';
    path: string;
    node_id: string | null;
    content_type: string;
    size_bytes: number;
  }>(sql.named('list_event_files')`
    select kind, path, node_id, content_type, size_bytes from request_files where request_id = ${requestId}`);
  return rows.map(({ kind, path, node_id, content_type, size_bytes }) => {
    return { kind, path, nodeId: node_id ?? undefined, contentType: content_type, sizeBytes: size_bytes };
  });
}

export interface IdempotencyRow {
  readonly body_sha256: string;
  readonly request_id: string;
  readonly created_at: number;
}

export async function findIdempotencyKey(
  db: Queryable,
  key: { accountId: string; key: string },
): Promise<IdempotencyRow | undefined> {
  const rows = await db.query<IdempotencyRow>(sql`
    select body_sha256, request_id, created_at from idempotency_keys
    where account_id = ${key.accountId} and key = ${key.key}`);
  return rows[0];
}

/**
 * True when the key is now this request's; false when another request holds it. Keys older than the bound are taken over,
 * and repeating it after an answer that got lost is harmless.
 */
export async function claimIdempotencyKey(
  tx: Queryable,
  key: { accountId: string; key: string; bodySha256: string; requestId: string; now: number; staleBefore: number },
): Promise<boolean> {
  const rows = await tx.query<{ request_id: string }>(sql`
    insert into idempotency_keys (account_id, key, body_sha256, request_id, created_at)
    values (${key.accountId}, ${key.key}, ${key.bodySha256}, ${key.requestId}, to_timestamp(${key.now}::float8 / 1000))
    on conflict (account_id, key) do update
      set body_sha256 = excluded.body_sha256, request_id = excluded.request_id, created_at = excluded.created_at
      where idempotency_keys.created_at < to_timestamp(${key.staleBefore}::float8 / 1000)
        or idempotency_keys.request_id = excluded.request_id
    returning request_id`);
  return rows[0]?.request_id === key.requestId;
}

export interface AttemptRow {
  readonly epoch: number;
  readonly instance_id: string | null;
  readonly started_at: number | null;
  readonly ended_at: number;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'lost';
  readonly cause: string;
}

export async function listAttempts(db: Queryable, requestId: string): Promise<AttemptRow[]> {
  return await db.query<AttemptRow>(sql`
    select epoch, instance_id, started_at, ended_at, outcome, cause from attempts
    where request_id = ${requestId} order by epoch`);
}

/** Hashes of the kept media that requests which have not ended still need. A text that looks like one counts as one. */
export async function listMediaInUse(db: Queryable): Promise<Set<string>> {
  const rows = await db.query<{ sha256: string }>(sql`
    select distinct m[1] as sha256 from requests r join request_payloads p on p.request_id = r.id
      cross join lateral regexp_matches(p.body, '"sha256":"([0-9a-f]{64})"', 'g') m
    where r.finished_at is null`);
  return new Set(rows.map((row) => row.sha256));
}

/** Of these storage keys, the ones that a file of these requests has. */
export async function listKnownStorageKeys(db: Queryable, requestIds: readonly string[]): Promise<Set<string>> {
  const rows = await db.query<{ storage_key: string }>(sql`
    select storage_key from request_files
    where request_id = any(${uuidArray(requestIds)}::uuid[]) and storage_key is not null`);
  return new Set(rows.map((row) => row.storage_key));
}

export interface WebhookRow extends RequestRow {
  readonly metadata: string | null;
  readonly webhook_base: string | null;
}

/** What webhooks say of requests. */
export async function findWebhookRows(db: Queryable, ids: readonly string[]): Promise<WebhookRow[]> {
  return await db.query<WebhookRow>(sql.named('find_webhook_rows')`
    select id, account_id, deployment_id, state, instance_id, created_at, finished_at, outputs, error, metadata, webhook_base
    from requests where id = any(${uuidArray(ids)}::uuid[])`);
}
