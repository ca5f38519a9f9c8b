// reads: requests, deployments
// The statement of GET /events: what was recorded, and the requests that failed, merged in the order of time. Each part
// reads the newest few by its own index (events_by_account, events_by_age, requests_failed_by_account, …_by_age).
import type { Cursor } from '../db/cursor.pure.ts';
import type { Queryable } from '../db/database.ts';
import { type Sql, sql } from '../db/sql.ts';

export interface TimelineRow {
  readonly id: string;
  readonly kind: string;
  readonly created_at: number;
  /** Null for a failed request, whose code says it. */
  readonly message: string | null;
  readonly subject_id: string | null;
  readonly deployment_id: string | null;
  readonly token_id: string | null;
  readonly changes: string | null;
  readonly error_code: number | null;
}

export interface TimelineWish {
  /** Undefined: every account's. */
  readonly accountId: string | undefined;
  /** Administrators see the shared instances even without a deployment. */
  readonly isAdmin: boolean;
  readonly kind: string | undefined;
  readonly deploymentId: string | undefined;
  /** Microseconds since 1970, both excluded. */
  readonly after: number | undefined;
  readonly before: number | undefined;
  readonly cursor: Cursor | undefined;
  readonly limit: number;
}

/** Failures are not recorded one by one: they are read from the requests. */
export const FAILED_REQUEST_KIND = 'request.failed';

export async function listTimeline(db: Queryable, wish: TimelineWish): Promise<TimelineRow[]> {
  const parts = [...recordedParts(wish), ...failedPart(wish)];
  return await db.query<TimelineRow>(sql`
    select * from (${sql.join(parts, ' union all ')}) as timeline
    order by created_at desc, id desc limit ${wish.limit}`);
}

function recordedParts(wish: TimelineWish): Sql[] {
  if (wish.accountId === undefined) return [recorded(wish, sql`true`)];
  const seesShared = sql`(${wish.isAdmin}::boolean or exists (
    select from deployments d where d.account_id = ${wish.accountId} and d.deleted_at is null))`;
  return [
    recorded(wish, sql`e.account_id = ${wish.accountId}`),
    recorded(wish, sql`e.account_id is null and ${seesShared}`),
  ];
}

function recorded(wish: TimelineWish, whose: Sql): Sql {
  const ofDeployment = wish.deploymentId === undefined ? sql.empty : sql`and e.deployment_id = ${wish.deploymentId}`;
  const ofKind = wish.kind === undefined ? sql.empty : sql`and starts_with(e.kind, ${wish.kind})`;
  return sql`(
    select e.id::text as id, e.kind, e.created_at, e.message, e.subject_id, e.deployment_id, e.token_id, e.changes,
      null::integer as error_code
    from events e where ${whose} ${ofDeployment} ${ofKind} ${within(wish, sql`e.created_at`, sql`e.id::text`)}
    order by e.created_at desc, e.id::text desc limit ${wish.limit})`;
}

function failedPart(wish: TimelineWish): Sql[] {
  if (wish.kind !== undefined && !FAILED_REQUEST_KIND.startsWith(wish.kind)) return [];
  const ofAccount = wish.accountId === undefined ? sql.empty : sql`and r.account_id = ${wish.accountId}`;
  const ofDeployment = wish.deploymentId === undefined ? sql.empty : sql`and r.deployment_id = ${wish.deploymentId}`;
  return [
    sql`(
    select r.id::text, ${FAILED_REQUEST_KIND}::text, r.finished_at, null::text, r.id::text, r.deployment_id, r.token_id,
      null::text, r.error_code
    from requests r where r.error is not null and r.state = 'failed' and r.finished_at is not null
      ${ofAccount} ${ofDeployment} ${within(wish, sql`r.finished_at`, sql`r.id::text`)}
    order by r.finished_at desc, r.id::text desc limit ${wish.limit})`,
  ];
}

function within(wish: TimelineWish, at: Sql, id: Sql): Sql {
  const bounds: Sql[] = [];
  if (wish.after !== undefined) bounds.push(sql`and ${at} > ${instant(wish.after)}`);
  if (wish.before !== undefined) bounds.push(sql`and ${at} < ${instant(wish.before)}`);
  const { cursor } = wish;
  if (cursor !== undefined) {
    // The first condition is for the index, the second decides among those of one instant.
    const last = instant(cursor.micros);
    bounds.push(sql`and ${at} <= ${last} and (${at}, ${id}) < (${last}, ${cursor.id}::text)`);
  }
  return sql.join(bounds, ' ');
}

function instant(micros: number): Sql {
  return sql`(timestamptz 'epoch' + ${micros}::float8 * interval '1 microsecond')`;
}
