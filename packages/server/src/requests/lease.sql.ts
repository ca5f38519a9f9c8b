// The lease: an instance's right to run a request, under the next epoch. Many in one statement; uses the primary key.

import { float8Array, int4Array, textArray, uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface LeaseWish {
  readonly requestId: string;
  /** The epoch that the lease would get: one above the row's. */
  readonly epoch: number;
  readonly instanceId: string;
  readonly promptId: string;
  readonly now: number;
}

/** Ids of the requests that are now leased; a missing one was cancelled, ended or leased by another meanwhile. */
export async function takeLeases(db: Queryable, wishes: readonly LeaseWish[]): Promise<Set<string>> {
  const rows = await db.query<{ id: string }>(sql.named('take_leases')`
    update requests r set state = 'active', epoch = i.epoch, instance_id = i.instance_id, prompt_id = i.prompt_id,
      leased_at = to_timestamp(i.now_ms / 1000)
    from unnest(${uuidArray(wishes.map((w) => w.requestId))}::uuid[], ${int4Array(wishes.map((w) => w.epoch))}::int4[],
      ${uuidArray(wishes.map((w) => w.instanceId))}::uuid[], ${uuidArray(wishes.map((w) => w.promptId))}::uuid[],
      ${float8Array(wishes.map((w) => w.now))}::float8[]) as i (id, epoch, instance_id, prompt_id, now_ms)
    where r.id = i.id and r.cancel_requested_at is null
      and ((r.state = 'queued' and r.epoch = i.epoch - 1)
        or (r.state = 'active' and r.epoch = i.epoch and r.prompt_id = i.prompt_id))
    returning r.id`);
  return new Set(rows.map((row) => row.id));
}

/** The epoch under which this very lease is kept; undefined when it is not. */
export async function findLeaseEpoch(db: Queryable, requestId: string, promptId: string): Promise<number | undefined> {
  const rows = await db.query<{ epoch: number }>(sql`
    select epoch from requests where id = ${requestId} and state = 'active' and prompt_id = ${promptId}`);
  return rows[0]?.epoch;
}

export interface LostLease {
  readonly requestId: string;
  readonly epoch: number;
  readonly losses: number;
  readonly instanceId: string | undefined;
  readonly promptId: string | undefined;
  readonly startedAt: number | undefined;
  readonly endedAt: number;
  readonly cause: string;
  readonly report?: string | undefined;
}

/**
 * The request waits again; the attempt stays on record. Fenced by the epoch (I5). Repeating it after an answer that got
 * lost is harmless: a request that waits under this epoch was returned by the earlier try.
 */
export async function returnLeases(db: Queryable, lost: readonly LostLease[]): Promise<Set<string>> {
  const rows = await db.query<{ id: string }>(sql.named('return_leases')`
    with input as (
      select * from unnest(${uuidArray(lost.map((l) => l.requestId))}::uuid[], ${int4Array(lost.map((l) => l.epoch))}::int4[],
        ${int4Array(lost.map((l) => l.losses))}::int4[], ${uuidArray(lost.map((l) => l.instanceId ?? null))}::uuid[],
        ${uuidArray(lost.map((l) => l.promptId ?? null))}::uuid[], ${float8Array(lost.map((l) => l.startedAt ?? null))}::float8[],
        ${float8Array(lost.map((l) => l.endedAt))}::float8[], ${textArray(lost.map((l) => l.cause))}::text[],
        ${textArray(lost.map((l) => l.report ?? null))}::text[])
      as t (id, epoch, losses, instance_id, prompt_id, started_ms, ended_ms, cause, report)),
    returned as (
      update requests r set state = 'queued', losses = i.losses, instance_id = null, prompt_id = null, leased_at = null
      from input i where r.id = i.id and r.state = 'active' and r.epoch = i.epoch returning r.id),
    recorded as (
      insert into attempts (request_id, epoch, instance_id, prompt_id, started_at, ended_at, outcome, cause, report)
      select i.id, i.epoch, i.instance_id, i.prompt_id, to_timestamp(i.started_ms / 1000), to_timestamp(i.ended_ms / 1000),
        'lost', i.cause, i.report
      from input i join returned using (id) on conflict do nothing)
    select id from returned
    union
    select r.id from requests r join input i on r.id = i.id where r.state = 'queued' and r.epoch = i.epoch`);
  return new Set(rows.map((row) => row.id));
}
