// Statements of what the owner sees and does: lists, one delivery with its tries, replay, and the secret.

import type { Cursor } from '../db/cursor.pure.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';
import type { DeliveryEvent } from './schedule.pure.ts';

export interface DeliveryRow {
  readonly id: string;
  readonly account_id: string;
  readonly deployment_id: string;
  readonly request_id: string;
  readonly event: DeliveryEvent;
  readonly url: string;
  readonly status: 'pending' | 'delivered' | 'failed' | 'disabled';
  readonly attempts: number;
  readonly next_at: number | null;
  readonly created_at: number;
  readonly last_status: number | null;
  readonly reason: string | null;
  readonly delivered_at: number | null;
}

const COLUMNS = sql`id, account_id, deployment_id, request_id, event, url, status, attempts, next_at, created_at,
  last_status, reason, delivered_at`;

export interface DeliveryFilter {
  readonly requestId: string | undefined;
  readonly deploymentId: string | undefined;
  readonly status: DeliveryRow['status'] | undefined;
}

export async function listDeliveries(
  db: Queryable,
  page: {
    accountId: string;
    filter: DeliveryFilter;
    limit: number;
    before: Cursor | undefined;
  },
): Promise<DeliveryRow[]> {
  const { requestId, deploymentId, status } = page.filter;
  const wanted = [
    sql`account_id = ${page.accountId}`,
    ...(requestId === undefined ? [] : [sql`request_id = ${requestId}`]),
    ...(deploymentId === undefined ? [] : [sql`deployment_id = ${deploymentId}`]),
    ...(status === undefined ? [] : [sql`status = ${status}`]),
    ...(page.before === undefined
      ? []
      : [
          sql`(created_at, id) < (timestamptz 'epoch' + ${page.before.micros}::float8 * interval '1 microsecond', ${page.before.id}::uuid)`,
        ]),
  ];
  return await db.query<DeliveryRow>(sql`
    select ${COLUMNS} from webhook_deliveries where ${sql.join(wanted, ' and ')}
    order by created_at desc, id desc limit ${page.limit}`);
}

export async function findDelivery(db: Queryable, id: string): Promise<DeliveryRow | undefined> {
  const rows = await db.query<DeliveryRow>(sql`select ${COLUMNS} from webhook_deliveries where id = ${id}`);
  return rows[0];
}

/** For the detail of a request, oldest first. */
export async function listDeliveriesOf(db: Queryable, requestId: string): Promise<DeliveryRow[]> {
  return await db.query<DeliveryRow>(sql`
    select ${COLUMNS} from webhook_deliveries where request_id = ${requestId} order by created_at, event desc`);
}

export interface TryRow {
  readonly number: number;
  readonly started_at: number;
  readonly ms: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly reply: string | null;
}

export async function listTries(db: Queryable, deliveryId: string): Promise<TryRow[]> {
  return await db.query<TryRow>(sql`
    select number, started_at, ms, status, error, reply from webhook_tries
    where delivery_id = ${deliveryId} order by number`);
}

/** Due now, with a schedule of its own from now. */
export async function replayDelivery(
  db: Queryable,
  wish: { id: string; accountId: string; now: number },
): Promise<DeliveryRow | undefined> {
  const at = sql`to_timestamp(${wish.now}::float8 / 1000)`;
  const rows = await db.query<DeliveryRow>(sql`
    with again as (
      update webhook_deliveries set status = 'pending', is_replay = true, schedule_from = ${at}, schedule_tries = 0,
        next_at = ${at}, reason = null
      where id = ${wish.id} and account_id = ${wish.accountId}
      returning *)
    select ${COLUMNS}, wake_webhooks(lane, now(), 0) from again`);
  return rows[0];
}

/** The account's secret: the one it has, or this one from now on. */
export async function ensureSecret(db: Queryable, given: { accountId: string; key: string }): Promise<string> {
  const rows = await db.query<{ key: string }>(sql`
    insert into webhook_secrets (account_id, key) values (${given.accountId}, ${given.key})
    on conflict (account_id) do update set key = webhook_secrets.key returning key`);
  return rows[0]?.key ?? given.key;
}

/** The old one goes on signing beside it until then. */
export async function rotateSecret(
  db: Queryable,
  given: { accountId: string; key: string; previousUntil: number },
): Promise<void> {
  await db.query(sql`
    insert into webhook_secrets (account_id, key) values (${given.accountId}, ${given.key})
    on conflict (account_id) do update
      set previous_key = webhook_secrets.key, key = excluded.key,
        previous_until = to_timestamp(${given.previousUntil}::float8 / 1000)`);
}
