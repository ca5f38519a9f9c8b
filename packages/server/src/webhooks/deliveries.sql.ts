// Statements of the deliverer: which deliveries of a lane are due, what became of the tries, and what a crash left over.

import { float8Array, int4Array, textArray, uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';
import type { DeliveryEvent } from './schedule.pure.ts';

export interface DueDelivery {
  readonly id: string;
  readonly account_id: string;
  readonly request_id: string;
  readonly event: DeliveryEvent;
  readonly url: string;
  readonly attempts: number;
  readonly is_replay: boolean;
  readonly schedule_from: number;
  readonly schedule_tries: number;
  readonly is_url_disabled: boolean;
  /** null: the account has no secret yet. */
  readonly key: string | null;
  readonly previous_key: string | null;
}

/**
 * The next due deliveries of a lane, claimed until then: no other replica sends them meanwhile. `until` is this claim's own:
 * repeated after its answer was lost, it finds what it had claimed.
 */
export async function claimDue(
  db: Queryable,
  wish: { lane: string; now: number; until: number; limit: number },
): Promise<DueDelivery[]> {
  const now = sql`to_timestamp(${wish.now}::float8 / 1000)`;
  const until = sql`to_timestamp(${wish.until}::float8 / 1000)`;
  return await db.query<DueDelivery>(sql.named('claim_webhook_deliveries')`
    with due as (
      select d.id from webhook_deliveries d
      where d.lane = ${wish.lane} and d.status = 'pending' and d.next_at <= ${now}
        and (d.claimed_until is null or d.claimed_until <= ${now} or d.claimed_until = ${until})
        -- A state never overtakes an earlier one.
        and (d.event = 'queued' or not exists (
          select from webhook_deliveries s
          where s.request_id = d.request_id and s.event <> 'ended' and s.status = 'pending'
            and (s.event = 'queued' or s.event = 'started' and d.event = 'ended')))
      order by d.next_at limit ${wish.limit} for update skip locked),
    claimed as (
      update webhook_deliveries d set claimed_until = ${until}
      from due where d.id = due.id
      returning d.id, d.account_id, d.request_id, d.event, d.url, d.attempts, d.is_replay, d.schedule_from, d.schedule_tries)
    select c.*, u.url is not null as is_url_disabled, s.key,
      case when s.previous_until > ${now} then s.previous_key end as previous_key
    from claimed c
    left join webhook_disabled_urls u on u.account_id = c.account_id and u.url = c.url
    left join webhook_secrets s on s.account_id = c.account_id`);
}

export interface TryRecord {
  readonly deliveryId: string;
  readonly number: number;
  readonly startedAt: number;
  readonly ms: number;
  readonly status: number | undefined;
  readonly error: string | undefined;
  readonly reply: string | undefined;
  readonly outcome: 'delivered' | 'pending' | 'failed' | 'disabled';
  readonly scheduleTries: number;
  readonly nextAt: number | undefined;
  readonly reason: string | undefined;
  readonly endedAt: number;
}

/** What became of tries, and the wakes of the next ones, in one commit. Harmless when repeated. */
export async function recordTries(db: Queryable, tries: readonly TryRecord[]): Promise<void> {
  await db.query(sql.named('record_webhook_tries')`
    with input as (
      select * from unnest(${uuidArray(tries.map((t) => t.deliveryId))}::uuid[], ${int4Array(tries.map((t) => t.number))}::int4[],
        ${float8Array(tries.map((t) => t.startedAt))}::float8[], ${int4Array(tries.map((t) => t.ms))}::int4[],
        ${int4Array(tries.map((t) => t.status ?? null))}::int4[], ${textArray(tries.map((t) => t.error ?? null))}::text[],
        ${textArray(tries.map((t) => t.reply ?? null))}::text[], ${textArray(tries.map((t) => t.outcome))}::text[],
        ${int4Array(tries.map((t) => t.scheduleTries))}::int4[], ${float8Array(tries.map((t) => t.nextAt ?? null))}::float8[],
        ${textArray(tries.map((t) => t.reason ?? null))}::text[], ${float8Array(tries.map((t) => t.endedAt))}::float8[])
      as t (delivery_id, number, started_ms, ms, status, error, reply, outcome, schedule_tries, next_ms, reason, ended_ms)),
    tried as (
      insert into webhook_tries (delivery_id, number, started_at, ms, status, error, reply)
      select delivery_id, number, to_timestamp(started_ms / 1000), ms, status, error, reply from input
      on conflict do nothing),
    done as (
      update webhook_deliveries d set status = i.outcome, attempts = i.number, schedule_tries = i.schedule_tries,
        next_at = to_timestamp(i.next_ms / 1000), claimed_until = null, is_replay = false, last_status = i.status,
        reason = i.reason,
        delivered_at = case when i.outcome = 'delivered' then to_timestamp(i.ended_ms / 1000) else d.delivered_at end
      from input i where d.id = i.delivery_id and d.attempts < i.number
      returning d.account_id, d.url, d.lane, d.status, d.next_at, d.last_status, to_timestamp(i.ended_ms / 1000) as ended_at),
    gone as (
      insert into webhook_disabled_urls (account_id, url, disabled_at)
      select distinct on (account_id, url) account_id, url, ended_at from done where last_status = 410 on conflict do nothing),
    back as (
      delete from webhook_disabled_urls u using done d
      where d.status = 'delivered' and u.account_id = d.account_id and u.url = d.url)
    select wake_webhooks(lane, at, 0) from (
      select lane, max(next_at) as at from done where status = 'pending' group by lane, date_trunc('second', next_at)) again`);
}

/** Ends deliveries without a try. */
export async function giveUp(
  db: Queryable,
  given: { ids: readonly string[]; status: 'failed' | 'disabled'; reason: string },
): Promise<void> {
  await db.query(sql`
    update webhook_deliveries set status = ${given.status}, reason = ${given.reason}, next_at = null, claimed_until = null,
      is_replay = false
    where id = any(${uuidArray(given.ids)}::uuid[]) and status = 'pending'`);
}

/** Puts claimed deliveries back, for whoever runs their lane next. */
export async function releaseClaims(db: Queryable, ids: readonly string[]): Promise<void> {
  await db.query(sql`
    update webhook_deliveries set claimed_until = null where id = any(${uuidArray(ids)}::uuid[]) and status = 'pending'`);
}

/** A lane that needs another run: behind the others with a higher number. */
export async function wakeLane(db: Queryable, lane: string, priority: number): Promise<void> {
  await db.query(sql`select wake_webhooks(${lane}, now(), ${priority})`);
}

/** Claims of an earlier life of the service: it is the only one on its database when it starts. */
export async function releaseAllClaims(db: Queryable): Promise<void> {
  await db.query(sql`
    update webhook_deliveries set claimed_until = null where status = 'pending' and claimed_until is not null`);
}

/** Wakes the lanes of deliveries that were due before: their job was lost with a process. Gives how many. */
export async function wakeOverdue(db: Queryable, bound: { now: number; dueBefore: number }): Promise<number> {
  const rows = await db.query<{ lane: string }>(sql`
    with overdue as (
      select distinct lane from webhook_deliveries
      where status = 'pending' and next_at <= to_timestamp(${bound.dueBefore}::float8 / 1000)
        and (claimed_until is null or claimed_until <= to_timestamp(${bound.now}::float8 / 1000)))
    select lane, wake_webhooks(lane, now(), 0) from overdue`);
  return rows.length;
}

export async function deleteOldDeliveries(db: Queryable, bound: { before: number; limit: number }): Promise<number> {
  const rows = await db.query<{ id: string }>(sql`
    with gone as (
      delete from webhook_deliveries where id in (
        select id from webhook_deliveries
        where created_at < to_timestamp(${bound.before}::float8 / 1000) and status <> 'pending' limit ${bound.limit})
      returning id),
    tries as (delete from webhook_tries t using gone where t.delivery_id = gone.id)
    select id from gone`);
  return rows.length;
}

/** For metrics. */
export async function countPending(db: Queryable): Promise<number> {
  const rows = await db.query<{ pending: number }>(sql`
    select count(*) as pending from webhook_deliveries where status = 'pending'`);
  return rows[0]?.pending ?? 0;
}
