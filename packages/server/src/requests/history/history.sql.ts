// Statements of the list of a deployment's requests and of one request's detail. Each walks an index from the newest on
// and looks at no more rows than it is told.

import { uuidArray } from '../../db/binary-arrays.ts';
import type { Queryable } from '../../db/database.ts';
import { type Sql, sql } from '../../db/sql.ts';
import type { RequestState } from '../lifecycle.pure.ts';

export interface ListRow {
  readonly id: string;
  readonly state: RequestState;
  readonly created_at: number;
  readonly finished_at: number | null;
  readonly metadata: string | null;
  readonly error_code: number | null;
}

export interface Place {
  readonly createdAt: number;
  readonly id: string;
}

export interface ListFilter {
  readonly deploymentId: string;
  readonly states: readonly RequestState[] | undefined;
  readonly errorCode: number | undefined;
  readonly createdAfter: number | undefined;
  readonly createdBefore: number | undefined;
  readonly labels: readonly (readonly [label: string, value: string])[];
}

/** A stretch of an index: what fits of it, and where it ended; `end` is undefined when nothing was left. */
export interface Stretch {
  readonly rows: ListRow[];
  readonly end: Place | undefined;
}

const instant = (ms: number): Sql => sql`to_timestamp(${ms}::float8 / 1000)`;

/** Looks at `size` requests from there on, newest first. */
export async function listStretch(
  db: Queryable,
  filter: ListFilter,
  from: { before: Place | undefined; size: number },
): Promise<Stretch> {
  const [label, ...labels] = filter.labels;
  const scanned = label === undefined ? scanRequests(filter, from) : scanLabels(filter, label, from);
  const rows = await db.query<ListRow & { fits: boolean; number: number }>(sql`
    select id, state, created_at, finished_at, metadata, error_code, fits, number from (
      select r.*, ${fitting(filter, labels)} as fits,
        row_number() over (order by r.created_at desc, r.id desc)::int4 as number
      from (${scanned}) r) as seen
    where fits or number = ${from.size} order by number`);
  const last = rows.at(-1);
  const isCut = last !== undefined && last.number === from.size;
  return { rows: rows.filter((row) => row.fits), end: isCut ? placeOf(last) : undefined };
}

export function placeOf(row: Pick<ListRow, 'id' | 'created_at'>): Place {
  return { createdAt: row.created_at, id: row.id };
}

function scanRequests(filter: ListFilter, from: { before: Place | undefined; size: number }): Sql {
  // The words of the index's own condition: without them it would not be used.
  const unhappy = isUnhappy(filter) ? sql`and (error_code is not null or cancel_requested_at is not null)` : sql.empty;
  return sql`
    select id, deployment_id, state, created_at, finished_at, metadata, error_code from requests
    where deployment_id = ${filter.deploymentId} ${range(filter, from.before, sql`id`)} ${unhappy}
    order by created_at desc, id desc limit ${from.size}`;
}

/** Whatever ended badly has a code or a wish to cancel on record. */
function isUnhappy({ states, errorCode }: ListFilter): boolean {
  return errorCode !== undefined || (states?.every((state) => state === 'failed' || state === 'cancelled') ?? false);
}

function scanLabels(
  filter: ListFilter,
  [label, value]: readonly [string, string],
  from: { before: Place | undefined; size: number },
): Sql {
  return sql`
    select r.id, r.deployment_id, r.state, r.created_at, r.finished_at, r.metadata, r.error_code from (
      select request_id, created_at from request_labels
      where deployment_id = ${filter.deploymentId} and label = ${label} and value = ${value}
        ${range(filter, from.before, sql`request_id`)}
      order by created_at desc, request_id desc limit ${from.size}) l
    join requests r on r.id = l.request_id`;
}

function range(filter: ListFilter, before: Place | undefined, id: Sql): Sql {
  const conditions = [sql``];
  if (filter.createdAfter !== undefined) conditions.push(sql`and created_at > ${instant(filter.createdAfter)}`);
  if (filter.createdBefore !== undefined) conditions.push(sql`and created_at < ${instant(filter.createdBefore)}`);
  if (before) conditions.push(sql`and (created_at, ${id}) < (${instant(before.createdAt)}, ${before.id}::uuid)`);
  return sql.join(conditions, ' ');
}

function fitting(filter: ListFilter, labels: ListFilter['labels']): Sql {
  const conditions: Sql[] = [sql`true`];
  if (filter.states)
    conditions.push(
      sql`r.state in (${sql.join(
        filter.states.map((state) => sql`${state}`),
        ', ',
      )})`,
    );
  if (filter.errorCode !== undefined) conditions.push(sql`r.error_code = ${filter.errorCode}`);
  for (const [label, value] of labels) {
    conditions.push(sql`exists (select from request_labels l where l.deployment_id = r.deployment_id
      and l.label = ${label} and l.value = ${value} and l.created_at = r.created_at and l.request_id = r.id)`);
  }
  return sql.join(conditions, ' and ');
}

/** Those of these requests that fit, in no order. */
export async function listByIds(db: Queryable, filter: ListFilter, ids: readonly string[]): Promise<ListRow[]> {
  return await db.query<ListRow>(sql`
    select r.id, r.state, r.created_at, r.finished_at, r.metadata, r.error_code from requests r
    where r.id = any(${uuidArray(ids)}::uuid[]) and ${fitting({ ...filter, states: undefined }, filter.labels)}`);
}

export interface DetailRow extends ListRow {
  readonly account_id: string;
  readonly deployment_id: string;
  readonly version_id: string;
  readonly started_at: number | null;
  readonly outputs: string | null;
  readonly error: string | null;
  readonly body: string | null;
}

export async function findDetail(db: Queryable, requestId: string): Promise<DetailRow | undefined> {
  const rows = await db.query<DetailRow>(sql`
    select r.id, r.account_id, r.deployment_id, r.version_id, r.state, r.created_at, r.started_at, r.finished_at,
      r.metadata, r.outputs, r.error, r.error_code, p.body
    from requests r left join request_payloads p on p.request_id = r.id where r.id = ${requestId}`);
  return rows[0];
}

export interface DetailAttempt {
  readonly epoch: number;
  readonly instance_id: string | null;
  readonly started_at: number | null;
  readonly ended_at: number;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'lost';
  readonly cause: string;
  readonly report: string | null;
}

export async function listDetailAttempts(db: Queryable, requestId: string): Promise<DetailAttempt[]> {
  return await db.query<DetailAttempt>(sql`
    select epoch, instance_id, started_at, ended_at, outcome, cause, report from attempts
    where request_id = ${requestId} order by epoch`);
}

export interface DetailFile {
  readonly kind: 'output' | 'temp';
  readonly path: string;
  readonly node_id: string | null;
  readonly size_bytes: number;
  readonly content_type: string;
  readonly sha256: string;
}

export async function listDetailFiles(db: Queryable, requestId: string): Promise<DetailFile[]> {
  return await db.query<DetailFile>(sql`
    select kind, path, node_id, size_bytes, content_type, sha256 from request_files
    where request_id = ${requestId} order by kind, path`);
}
