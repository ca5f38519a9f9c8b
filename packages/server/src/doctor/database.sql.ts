// What the checks ask a PostgreSQL. Called by check-database.ts.
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface ServerRow {
  readonly version: number;
  readonly version_text: string;
  readonly may_create: boolean;
  readonly has_schema: boolean;
}

export async function readServer(db: Queryable): Promise<ServerRow | undefined> {
  const rows = await db.query<ServerRow>(sql`
    select current_setting('server_version_num')::int as version, current_setting('server_version') as version_text,
      has_database_privilege(current_database(), 'create')
        and coalesce(has_schema_privilege(current_schema(), 'create'), false) as may_create,
      to_regclass('migrations') is not null as has_schema`);
  return rows[0];
}

export async function listAppliedMigrations(
  db: Queryable,
): Promise<{ number: number; name: string; is_breaking: boolean }[]> {
  return await db.query(sql`select number, name, is_breaking from migrations order by number`);
}

export async function readBackendPid(db: Queryable): Promise<number> {
  const rows = await db.query<{ pid: number }>(sql`select pg_backend_pid() as pid`);
  return rows[0]?.pid ?? 0;
}

/** False without the right to; what is ended is a session of our own. */
export async function endSession(db: Queryable, pid: number): Promise<boolean> {
  const rows = await db.query<{ is_ended: boolean }>(sql`select pg_terminate_backend(${pid}::int) as is_ended`);
  return rows[0]?.is_ended ?? false;
}

/** Services that are connected, by the sessions by which they follow the brain. */
export async function countServices(db: Queryable): Promise<number> {
  const rows = await db.query<{ count: number }>(sql`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and application_name like 'comfleet leader %'`);
  return rows[0]?.count ?? 0;
}
