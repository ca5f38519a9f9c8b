// The one statement that ends requests: state, result, attempt and files together, fenced by the epoch (I1, I5, I7).

import { chargeRuns, type RunCharge } from '../billing/ledger.sql.ts';
import { byteaArray, float8Array, int4Array, textArray, uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';
import { OWED_DELIVERIES, WAKE_OWED } from '../webhooks/owed.sql.ts';

export interface StoredFile {
  readonly kind: 'output' | 'temp';
  /** Subfolder and name as the caller sees them. */
  readonly path: string;
  readonly nodeId: string | undefined;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly contentType: string;
  readonly storageKey: string | undefined;
  readonly content: Buffer | undefined;
  /** What the instance calls it, when it lies outside the attempt's own folder. */
  readonly source: string | undefined;
}

export interface FinishedRequest {
  readonly id: string;
  readonly epoch: number;
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  readonly instanceId: string | undefined;
  readonly promptId: string | undefined;
  readonly startedAt: number | undefined;
  readonly finishedAt: number;
  /** Whole milliseconds on the instance, by a clock that is never set. */
  readonly runMs: number | undefined;
  readonly charge: RunCharge | undefined;
  /** Its end owes a delivery, whose address is in its row. */
  readonly hasWebhook: boolean;
  readonly outputs: string | undefined;
  readonly error: string | undefined;
  readonly errorCode: number | undefined;
  readonly cause: string;
  /** JSON text of what is told of this attempt beyond its end (report.pure.ts). */
  readonly report: string | undefined;
  readonly files: readonly StoredFile[];
}

/** Ids that this statement, or an earlier try of it, ended under their epoch. */
export async function finishRequests(db: Queryable, ended: readonly FinishedRequest[]): Promise<Set<string>> {
  const files = ended.flatMap((request) => request.files.map((file) => ({ requestId: request.id, ...file })));
  const charges = ended.flatMap(({ charge }) => charge ?? []);
  const isOwed = ended.some(({ hasWebhook }) => hasWebhook);
  // One name for each text: what few requests need costs the others nothing.
  const name = `finish${charges.length === 0 ? '' : '_and_charge'}${isOwed ? '_and_owe' : ''}`;
  const rows = await db.query<{ id: string }>(sql.named(name)`
    with input as (
      select * from unnest(${uuidArray(ended.map((r) => r.id))}::uuid[], ${int4Array(ended.map((r) => r.epoch))}::int4[],
        ${textArray(ended.map((r) => r.state))}::text[], ${uuidArray(ended.map((r) => r.instanceId ?? null))}::uuid[],
        ${uuidArray(ended.map((r) => r.promptId ?? null))}::uuid[], ${float8Array(ended.map((r) => r.startedAt ?? null))}::float8[],
        ${float8Array(ended.map((r) => r.finishedAt))}::float8[], ${textArray(ended.map((r) => r.outputs ?? null))}::text[],
        ${textArray(ended.map((r) => r.error ?? null))}::text[], ${textArray(ended.map((r) => r.cause))}::text[],
        ${int4Array(ended.map((r) => r.errorCode ?? null))}::int4[], ${textArray(ended.map((r) => r.report ?? null))}::text[],
        ${int4Array(ended.map((r) => r.runMs ?? null))}::int4[])
      as t (id, epoch, state, instance_id, prompt_id, started_ms, finished_ms, outputs, error, cause, error_code, report, run_ms)),
    ended as (
      update requests r set state = i.state, instance_id = i.instance_id, started_at = to_timestamp(i.started_ms / 1000),
        finished_at = to_timestamp(i.finished_ms / 1000), outputs = i.outputs, error = i.error,
        error_code = i.error_code
      from input i where r.id = i.id and r.epoch = i.epoch and r.state in ('queued', 'active') returning r.id, r.has_extra_data,
        r.account_id, r.deployment_id, r.token_id, r.webhook_url),
    forgotten as (
      -- Secrets that came with a request are of no use once it has ended.
      update request_payloads p set extra_data = null from ended e where e.has_extra_data and p.request_id = e.id),
    recorded as (
      insert into attempts (request_id, epoch, instance_id, prompt_id, started_at, ended_at, outcome, cause, report, run_ms)
      select i.id, i.epoch, i.instance_id, i.prompt_id, to_timestamp(i.started_ms / 1000),
        to_timestamp(i.finished_ms / 1000), i.state, i.cause, i.report, i.run_ms
      from input i join ended using (id) where i.epoch > 0 on conflict do nothing),
    stored as (
      insert into request_files (request_id, kind, path, node_id, size_bytes, sha256, content_type, storage_key, content,
        source, created_at)
      select f.request_id, f.kind, f.path, f.node_id, f.size_bytes, f.sha256, f.content_type, f.storage_key, f.content,
        f.source, to_timestamp(i.finished_ms / 1000)
      from unnest(${uuidArray(files.map((f) => f.requestId))}::uuid[], ${textArray(files.map((f) => f.kind))}::text[],
        ${textArray(files.map((f) => f.path))}::text[], ${textArray(files.map((f) => f.nodeId ?? null))}::text[],
        ${float8Array(files.map((f) => f.sizeBytes))}::float8[], ${textArray(files.map((f) => f.sha256))}::text[],
        ${textArray(files.map((f) => f.contentType))}::text[], ${textArray(files.map((f) => f.storageKey ?? null))}::text[],
        ${byteaArray(files.map((f) => f.content ?? null))}::bytea[], ${textArray(files.map((f) => f.source ?? null))}::text[])
      as f (request_id, kind, path, node_id, size_bytes, sha256, content_type, storage_key, content, source)
      join ended e on e.id = f.request_id join input i on i.id = f.request_id on conflict do nothing)${charges.length === 0 ? sql.empty : chargeRuns(charges)}${isOwed ? OWED_DELIVERIES : sql.empty}
    select id from ended
    ${isOwed ? WAKE_OWED : sql.empty}
    union
    select r.id from requests r join input i on r.id = i.id
    where r.epoch = i.epoch and r.state = i.state and r.finished_at = to_timestamp(i.finished_ms / 1000)`);
  return new Set(rows.map((row) => row.id));
}
