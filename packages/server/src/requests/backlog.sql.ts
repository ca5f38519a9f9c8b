// Statements that read the backlog after a start, a page at a time and in queue order. Called by dispatch/recovery/recover.ts.
// reads: deployments

import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';
import type { LiveRow } from './recover.sql.ts';

export interface WaitingCount {
  readonly deployment_id: string;
  readonly priority: number;
  readonly count: number;
  /** When the first of them came. */
  readonly first_at: number;
}

/** Of what waits up to a place in the order. */
export async function countWaiting(db: Queryable, top: number): Promise<WaitingCount[]> {
  return await db.query<WaitingCount>(sql`
    select deployment_id, priority, count(*)::int as count, min(created_at) as first_at from requests
    where finished_at is null and state = 'queued' and seq <= ${top} group by deployment_id, priority`);
}

export interface WhichPage {
  readonly priority: number;
  /** Places in the order: behind the first, up to the second. */
  readonly after: number;
  readonly top: number;
  readonly limit: number;
}

export interface WaitingPage {
  /** In queue order. */
  readonly rows: readonly LiveRow[];
  /** The place that the next page comes behind; undefined when there is none. */
  readonly next: number | undefined;
}

/** What requests of one kind have in common comes once; of each, its id, its place and when it came. */
type Kind = Omit<LiveRow, 'id' | 'created_at'> & {
  readonly ids: string;
  readonly places: string;
  readonly times: string;
};

/** Reading a row costs ten times what its share of these lists does. */
export async function readWaitingPage(db: Queryable, { priority, after, top, limit }: WhichPage): Promise<WaitingPage> {
  const kinds = await db.query<Kind>(sql.named('read_waiting_page')`
    select account_id, token_id, deployment_id, hardware, version_id, state, priority, epoch, null::int as sent_epoch, losses,
      null::uuid as instance_id, null::uuid as prompt_id, null::timestamptz as leased_at, cancel_requested_at, start_by,
      run_within_seconds, has_webhook, webhook_intermediate,
      string_agg(id::text, ',') as ids, string_agg(place::text, ',') as places, string_agg(created_ms::text, ',') as times
    from (
      select r.*, d.hardware, r.webhook_url is not null as has_webhook, r.seq - ${after}::int8 as place,
        extract(epoch from r.created_at)::float8 * 1000 as created_ms
      from requests r left join deployments d on d.id = r.deployment_id
      where r.finished_at is null and r.state = 'queued' and r.priority = ${priority}
        and r.seq > ${after}::int8 and r.seq <= ${top}::int8
      order by r.seq limit ${limit}) page
    group by account_id, token_id, deployment_id, hardware, version_id, state, priority, epoch, losses, cancel_requested_at,
      start_by, run_within_seconds, has_webhook, webhook_intermediate`);
  const placed = kinds.flatMap(spreadKind).sort((a, b) => a.place - b.place);
  const last = placed.length < limit ? undefined : placed.at(-1);
  return { rows: placed.map(({ row }) => row), next: last && after + last.place };
}

function spreadKind({ ids, places, times, ...kind }: Kind): { place: number; row: LiveRow }[] {
  const createdAt = times.split(',');
  const placeOf = places.split(',');
  return ids.split(',').map((id, index) => {
    return { place: Number(placeOf[index]), row: { ...kind, id, created_at: Number(createdAt[index]) } };
  });
}
