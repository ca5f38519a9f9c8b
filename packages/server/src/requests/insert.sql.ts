// The durable insert behind every accepted submit: many rows in one statement, payloads in a table of their own.
// A request that an idle instance takes at once is inserted already leased (epoch 1).

import { float8Array, int4Array, textArray, uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface NewRequest {
  readonly id: string;
  readonly accountId: string;
  readonly tokenId: string | undefined;
  readonly deploymentId: string;
  readonly versionId: string;
  readonly priority: number;
  readonly createdAt: number;
  readonly startBy: number | undefined;
  readonly runWithinMs: number | undefined;
  readonly webhookUrl: string | undefined;
  readonly webhookIntermediate: boolean;
  /** What the submit came through, "<base>/prod/<version>": the webhook speaks as its result route would. */
  readonly webhookBase: string | undefined;
  readonly metadata: string | undefined;
  readonly body: string;
  readonly extraData: string | undefined;
  readonly lease: { instanceId: string; promptId: string } | undefined;
}

/** Repeating it after an answer that got lost is harmless: known ids are passed over. */
export async function insertRequests(db: Queryable, rows: readonly NewRequest[]): Promise<void> {
  await db.query(sql.named('insert_requests')`
    with input as (
      select * from unnest(
        ${uuidArray(rows.map((r) => r.id))}::uuid[], ${uuidArray(rows.map((r) => r.accountId))}::uuid[],
        ${uuidArray(rows.map((r) => r.deploymentId))}::uuid[], ${uuidArray(rows.map((r) => r.versionId))}::uuid[],
        ${int4Array(rows.map((r) => r.priority))}::int4[], ${float8Array(rows.map((r) => r.createdAt))}::float8[],
        ${float8Array(rows.map((r) => r.startBy ?? null))}::float8[], ${float8Array(rows.map((r) => r.runWithinMs ?? null))}::float8[],
        ${textArray(rows.map((r) => r.webhookUrl ?? null))}::text[], ${int4Array(rows.map((r) => (r.webhookIntermediate ? 1 : 0)))}::int4[],
        ${textArray(rows.map((r) => r.webhookBase ?? null))}::text[],
        ${textArray(rows.map((r) => r.metadata ?? null))}::text[], ${textArray(rows.map((r) => r.body))}::text[],
        ${textArray(rows.map((r) => r.extraData ?? null))}::text[],
        ${uuidArray(rows.map((r) => r.lease?.instanceId ?? null))}::uuid[], ${uuidArray(rows.map((r) => r.lease?.promptId ?? null))}::uuid[],
        ${uuidArray(rows.map((r) => r.tokenId ?? null))}::uuid[]
      ) as t (id, account_id, deployment_id, version_id, priority, created_ms, start_by_ms, run_within_ms, webhook_url,
        webhook_intermediate, webhook_base, metadata, body, extra_data, instance_id, prompt_id, token_id)),
    payloads as (
      insert into request_payloads (request_id, body, extra_data) select id, body, extra_data from input
      on conflict (request_id) do nothing),
    labels as (
      insert into request_labels (deployment_id, label, value, created_at, request_id)
      select i.deployment_id, l.key, l.value, to_timestamp(i.created_ms / 1000), i.id
      from input i, json_each_text(i.metadata::json) l where i.metadata is not null on conflict do nothing)
    insert into requests (id, account_id, deployment_id, version_id, priority, created_at, start_by, run_within_seconds,
      webhook_url, webhook_intermediate, webhook_base, metadata, has_extra_data, state, epoch, instance_id, prompt_id, leased_at, token_id)
    select id, account_id, deployment_id, version_id, priority, to_timestamp(created_ms / 1000),
      to_timestamp(start_by_ms / 1000), run_within_ms / 1000, webhook_url, webhook_intermediate = 1, webhook_base, metadata, extra_data is not null,
      case when instance_id is null then 'queued' else 'active' end, case when instance_id is null then 0 else 1 end,
      instance_id, prompt_id, case when instance_id is null then null else to_timestamp(created_ms / 1000) end, token_id
    from input on conflict (id) do nothing`);
}
