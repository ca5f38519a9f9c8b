// What makes a delivery owed: parts of the statements that end or start a request, so that the two are one commit.
// reads: requests

import type { Queryable } from '../db/database.ts';
import { type Sql, sql } from '../db/sql.ts';

/** Account and host: what shares a cap. A URL that hides its host (no submit accepts one) shares the account's last lane. */
const LANE = sql`r.account_id::text || ' ' || coalesce(lower(substring(r.webhook_url from '(?i)^https?://([^/?#]+)')), '')`;

/**
 * Goes into the statement that ends requests, between its CTEs `input (id, finished_ms)` and `ended (id, webhook_url)`
 * and its last select: one delivery for each ended request with a webhook. With WAKE_OWED, or nobody is woken.
 */
export const OWED_DELIVERIES = sql`,
    owed as (
      insert into webhook_deliveries (account_id, deployment_id, request_id, event, url, lane, schedule_from, next_at,
        created_at)
      select r.account_id, r.deployment_id, r.id, 'ended', r.webhook_url, ${LANE}, to_timestamp(i.finished_ms / 1000),
        to_timestamp(i.finished_ms / 1000), to_timestamp(i.finished_ms / 1000)
      from ended e join requests r on r.id = e.id join input i on i.id = e.id where e.webhook_url is not null
      returning lane),
    woken as (select wake_webhooks(lane, now(), 0) as id from (select distinct lane from owed) lanes)`;

/** Goes behind that last select of one uuid column: reading `woken` is what wakes, and it gives no row. */
export const WAKE_OWED = sql`union
    select id from woken where id is not null`;

/** Once, for requests that asked for intermediate states: that it waits, told before anything runs it. */
export async function oweQueued(db: Queryable, queued: { requestId: string; now: number }): Promise<void> {
  await oweState(db, { ...queued, event: 'queued', unless: sql.empty });
}

/** That it runs. Once a request, however often it is run. */
export async function oweStarted(db: Queryable, started: { requestId: string; now: number }): Promise<void> {
  const unless = sql`and d.event <> 'queued'`;
  await oweState(db, { ...started, event: 'started', unless });
}

/**
 * An intermediate state, for a request that has not ended: the lock on its row makes this commit come before the end's,
 * or finds that it ended. `unless` limits which deliveries that are there already keep it from being told.
 */
async function oweState(
  db: Queryable,
  state: { requestId: string; now: number; event: 'queued' | 'started'; unless: Sql },
): Promise<void> {
  const at = sql`to_timestamp(${state.now}::float8 / 1000)`;
  await db.query(sql`
    with waiting as (
      select r.id, r.account_id, r.deployment_id, r.webhook_url, ${LANE} as lane from requests r
      where r.id = ${state.requestId} and r.finished_at is null and r.webhook_intermediate and r.webhook_url is not null
      for no key update),
    owed as (
      insert into webhook_deliveries (account_id, deployment_id, request_id, event, url, lane, schedule_from, next_at,
        created_at)
      select r.account_id, r.deployment_id, r.id, ${state.event}, r.webhook_url, r.lane, ${at}, ${at}, ${at} from waiting r
      where not exists (select from webhook_deliveries d where d.request_id = r.id ${state.unless})
      returning lane)
    select wake_webhooks(lane, now(), 0) from owed`);
}
