// Statements about requests that are not in memory: after a start (what waits is read by backlog.sql.ts), when another
// replica took them in, and when a new brain takes over what the old one was running. Called by recover.ts and take-in.ts of
// dispatch/recovery.
// reads: deployments

import { uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { type Sql, sql } from '../db/sql.ts';

export interface LiveRow {
  readonly id: string;
  readonly account_id: string;
  readonly token_id: string | null;
  readonly deployment_id: string;
  /** Of the deployment, as it is now. */
  readonly hardware: string | null;
  readonly version_id: string;
  readonly state: 'queued' | 'active';
  readonly priority: number;
  readonly epoch: number;
  /** The epoch that its prompt was sent under, when a later brain adopted it. */
  readonly sent_epoch: number | null;
  readonly losses: number;
  readonly instance_id: string | null;
  readonly prompt_id: string | null;
  readonly created_at: number;
  readonly leased_at: number | null;
  readonly cancel_requested_at: number | null;
  readonly start_by: number | null;
  readonly run_within_seconds: number | null;
  readonly has_webhook: boolean;
  readonly webhook_intermediate: boolean;
}

const LIVE_ROWS: Sql = sql`
  select r.id, r.account_id, r.token_id, r.deployment_id, d.hardware, r.version_id, r.state, r.priority, r.epoch,
    case when r.sent_prompt_id = r.prompt_id then r.sent_epoch end as sent_epoch, r.losses, r.instance_id, r.prompt_id,
    r.created_at, r.leased_at, r.cancel_requested_at, r.start_by, r.run_within_seconds,
    r.webhook_url is not null as has_webhook, r.webhook_intermediate
  from requests r left join deployments d on d.id = r.deployment_id`;

/** Those that an instance was given, in queue order. */
export async function listLeased(db: Queryable, top: number): Promise<LiveRow[]> {
  return await db.query<LiveRow>(sql`
    ${LIVE_ROWS} where r.finished_at is null and r.state = 'active' and r.seq <= ${top} order by r.seq`);
}

/** Those of them that wait, in queue order. */
export async function listWaiting(db: Queryable, ids: readonly string[]): Promise<LiveRow[]> {
  return await db.query<LiveRow>(sql.named('list_waiting')`
    ${LIVE_ROWS} where r.id = any(${uuidArray(ids)}::uuid[]) and r.state = 'queued' order by r.seq`);
}

/**
 * Every leased request is the new brain's, under the next epoch: what the old one writes of it is refused. The epoch that
 * the prompt was sent under stays known, for as long as it is that prompt.
 */
export async function adoptLeases(db: Queryable): Promise<number> {
  const rows = await db.query<{ id: string }>(sql`
    update requests set epoch = epoch + 1, sent_prompt_id = prompt_id,
      sent_epoch = case when sent_prompt_id = prompt_id then sent_epoch else epoch end
    where finished_at is null and state = 'active' returning id`);
  return rows.length;
}

/** Where the order of requests is now, and which transactions may still add to what lies before it. */
export interface SeqMark {
  readonly top: number;
  readonly xmin: number;
  readonly xmax: number;
}

export async function readSeqMark(db: Queryable): Promise<SeqMark> {
  const rows = await db.query<SeqMark>(sql.named('read_seq_mark')`
    select last_value::float8 as top, pg_snapshot_xmin(pg_current_snapshot())::text::float8 as xmin,
      pg_snapshot_xmax(pg_current_snapshot())::text::float8 as xmax from requests_seq_seq`);
  const mark = rows[0];
  if (mark === undefined) throw new Error('the sequence of requests has no value');
  return mark;
}

/** Ids only, by the index of the live ones: most of them are known. */
export async function listWaitingAfter(db: Queryable, seq: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql.named('list_waiting_after')`
    select id from requests where finished_at is null and seq > ${seq} and state = 'queued' order by seq`);
  return rows.map(({ id }) => id);
}

/**
 * Those that a transaction wrote which was not over at the mark: all others were there to be read. The server looks at all
 * that live, and few are told.
 */
export async function listWaitingSince(db: Queryable, { xmin }: SeqMark): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql.named('list_waiting_since')`
    select id from requests
    where finished_at is null and state = 'queued' and age(xmin) <= age(${String(xmin % XIDS)}::xid) order by seq`);
  return rows.map(({ id }) => id);
}

/** A row names its transaction by the lower 32 bits. */
const XIDS = 2 ** 32;

/** Live ones that somebody wishes to cancel; of these ids, or of all. */
export async function listCancelWishes(db: Queryable, ids: readonly string[] | undefined): Promise<string[]> {
  const chosen = ids === undefined ? sql.empty : sql`and id = any(${uuidArray(ids)}::uuid[])`;
  const rows = await db.query<{ id: string }>(sql`
    select id from requests where finished_at is null and cancel_requested_at is not null ${chosen}`);
  return rows.map(({ id }) => id);
}

/** How many are live, by deployment. */
export async function countLive(db: Queryable): Promise<Map<string, number>> {
  const rows = await db.query<{ deployment_id: string; count: number }>(sql.named('count_live')`
    select deployment_id, count(*)::int as count from requests where finished_at is null group by deployment_id`);
  return new Map(rows.map((row) => [row.deployment_id, row.count]));
}
