// Statements about instances that were started for a deployment: what of their lives is in the ledger.

import { int8Array, textArray, uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface MeteredInstance {
  readonly instanceId: string;
  readonly accountId: string;
  readonly deploymentId: string;
  readonly sku: string;
  readonly pricePerHourMicrodollars: number;
}

/** Repeating it is harmless. */
export async function insertMetered(db: Queryable, rows: readonly MeteredInstance[]): Promise<void> {
  await db.query(sql`
    insert into metered_instances (instance_id, account_id, deployment_id, sku, price_per_hour_microdollars, asked_at)
    select instance_id, account_id, deployment_id, sku, price_per_hour_microdollars, now()
    from unnest(${uuidArray(rows.map((r) => r.instanceId))}::uuid[], ${uuidArray(rows.map((r) => r.accountId))}::uuid[],
      ${uuidArray(rows.map((r) => r.deploymentId))}::uuid[], ${textArray(rows.map((r) => r.sku))}::text[],
      ${int8Array(rows.map((r) => r.pricePerHourMicrodollars))}::int8[])
      as t (instance_id, account_id, deployment_id, sku, price_per_hour_microdollars)
    on conflict do nothing`);
}

export interface BilledSpan {
  readonly instanceId: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly chargedMicrodollars: number;
  readonly isGone: boolean;
}

/**
 * Adds the span to the ledger, once: it must begin where the bill of this instance ends. Gives how much of its life is in
 * the ledger now, which is more than the span's end when an earlier try was kept unnoticed.
 */
export async function billSpan(db: Queryable, span: BilledSpan): Promise<number | undefined> {
  const rows = await db.query<{ billed_ms: number }>(sql`
    with advanced as (
      update metered_instances set billed_ms = ${span.toMs}::bigint, gone_at = case when ${span.isGone} then now() end
      where instance_id = ${span.instanceId} and billed_ms = ${span.fromMs}::bigint and gone_at is null
      returning account_id, instance_id, deployment_id, sku, price_per_hour_microdollars, billed_ms),
    charged as (
      insert into ledger (account_id, kind, amount_microdollars, at, instance_id, from_ms, duration_ms, sku,
        price_per_hour_microdollars, deployment_id)
      select account_id, 'interval', -${span.chargedMicrodollars}::bigint, now(), instance_id, ${span.fromMs}::bigint,
        ${span.toMs}::bigint - ${span.fromMs}::bigint, sku, price_per_hour_microdollars, deployment_id
      from advanced where ${span.toMs}::bigint > ${span.fromMs}::bigint
      on conflict do nothing returning account_id, amount_microdollars),
    debited as (
      insert into balances (account_id, balance_microdollars, spent_microdollars)
      select account_id, amount_microdollars, -amount_microdollars from charged
      on conflict (account_id) do update set
        balance_microdollars = balances.balance_microdollars + excluded.balance_microdollars,
        spent_microdollars = balances.spent_microdollars + excluded.spent_microdollars)
    select billed_ms from advanced
    union all
    select billed_ms from metered_instances where instance_id = ${span.instanceId} and not exists (select from advanced)`);
  return rows[0]?.billed_ms;
}

export interface OpenMeterRow {
  readonly instance_id: string;
  readonly account_id: string;
  readonly deployment_id: string;
  readonly sku: string;
  readonly price_per_hour_microdollars: number;
  readonly billed_ms: number;
}

export async function listOpenMeters(db: Queryable): Promise<OpenMeterRow[]> {
  return await db.query<OpenMeterRow>(sql`
    select instance_id, account_id, deployment_id, sku, price_per_hour_microdollars, billed_ms
    from metered_instances where gone_at is null`);
}
