// HTTP in and out of webhook deliveries and the secret that signs them.
import { ApiError, DeliveryListQuery, PAGE_ITEMS_DEFAULT, readQuery, validationError } from '@comfleet/api';
import { writeCursor } from '../db/cursor.pure.ts';
import type { Database } from '../db/database.ts';
import { requireCursor } from '../http/page-cursor.ts';
import type { AccountCall, Caller, RouteServer } from '../http/serve-route.ts';
import type { Clock } from '../telemetry/clock.ts';
import { isUuid } from '../telemetry/new-id.ts';
import {
  type DeliveryRow,
  ensureSecret,
  findDelivery,
  listDeliveries,
  listTries,
  replayDelivery,
  rotateSecret,
} from './history.sql.ts';
import { makeWebhookSecret } from './sign.ts';
import { viewDelivery, viewDeliveryInFull } from './view.pure.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
}

const BOTH_SIGN_MS = 24 * 3_600_000;

export function registerWebhookRoutes<A extends Caller>(routes: RouteServer<A>, deps: Deps) {
  const { db, clock } = deps;
  routes.serve('listDeliveries', async ({ query, account }) => {
    const page = readQuery(DeliveryListQuery, query);
    if (page.kind === 'refused') throw validationError(page.problems);
    const { limit = PAGE_ITEMS_DEFAULT, cursor, request_id, deployment_id, status } = page.value;
    const filter = { requestId: request_id, deploymentId: deployment_id, status };
    const before = requireCursor(cursor);
    // An id that is none names nothing.
    const isNothing = [request_id, deployment_id].some((id) => id !== undefined && !isUuid(id));
    const rows = isNothing ? [] : await listDeliveries(db, { accountId: account.id, filter, limit: limit + 1, before });
    const last = rows[limit - 1];
    const next = rows.length > limit && last ? { next_cursor: writeCursor(last) } : {};
    return { body: { data: rows.slice(0, limit).map(viewDelivery), ...next } };
  });
  routes.serve('getDelivery', async (call) => {
    const row = await requireDelivery(deps, call);
    return { body: viewDeliveryInFull(row, await listTries(db, row.id)) };
  });
  routes.serve('replayDelivery', async (call) => {
    const { id } = await requireDelivery(deps, call);
    const row = await replayDelivery(db, { id, accountId: call.account.id, now: clock.now() });
    if (row === undefined) throw new ApiError(404001, `Delivery ${id} is no longer kept.`);
    return { status: 202, body: viewDelivery(row) };
  });
  routes.serve('getWebhookSecret', async ({ account }) => {
    const key = await ensureSecret(db, { accountId: account.id, key: makeWebhookSecret() });
    return { body: { key } };
  });
  routes.serve('rotateWebhookSecret', async ({ account }) => {
    const key = makeWebhookSecret();
    await rotateSecret(db, { accountId: account.id, key, previousUntil: clock.now() + BOTH_SIGN_MS });
    return { body: { key } };
  });
}

async function requireDelivery({ db }: Deps, { params, account }: AccountCall<Caller>): Promise<DeliveryRow> {
  const id = params['delivery_id'] ?? '';
  const row = isUuid(id) ? await findDelivery(db, id) : undefined;
  if (row === undefined) throw new ApiError(404001, `There is no webhook delivery ${id.slice(0, 100)}.`);
  if (row.account_id !== account.id) throw new ApiError(403003, `The token's account does not own delivery ${id}.`);
  return row;
}
