// Statements about accounts.
import type { Cursor } from '../db/cursor.pure.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface AccountRow {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly role: 'admin' | 'member';
  readonly is_active: boolean;
  readonly created_at: number;
}

const columns = sql`id, name, email, role, is_active, created_at`;

export async function countAccounts(db: Queryable): Promise<number> {
  const rows = await db.query<{ count: number }>(sql`select count(*)::int as count from accounts`);
  return rows[0]?.count ?? 0;
}

export interface NewAccount {
  readonly id: string;
  readonly name: string;
  readonly email?: string | undefined;
  readonly role: 'admin' | 'member';
}

export async function insertAccount(db: Queryable, row: NewAccount): Promise<AccountRow | undefined> {
  const rows = await db.query<AccountRow>(sql`
    insert into accounts (id, name, email, role) values (${row.id}, ${row.name}, ${row.email ?? null}, ${row.role})
    returning ${columns}`);
  return rows[0];
}

export async function findAccount(db: Queryable, id: string): Promise<AccountRow | undefined> {
  const rows = await db.query<AccountRow>(sql`select ${columns} from accounts where id = ${id}`);
  return rows[0];
}

export async function listAccounts(
  db: Queryable,
  page: { limit: number; before: Cursor | undefined },
): Promise<AccountRow[]> {
  const { before } = page;
  const older = before
    ? sql`where (created_at, id) < (timestamptz 'epoch' + ${before.micros}::float8 * interval '1 microsecond', ${before.id}::uuid)`
    : sql``;
  return await db.query<AccountRow>(sql`
    select ${columns} from accounts ${older} order by created_at desc, id desc limit ${page.limit}`);
}

/** In one order, so that two who lock them wait for each other instead of failing. */
export async function lockActiveAdmins(tx: Queryable): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(sql`
    select id from accounts where role = 'admin' and is_active order by id for update`);
  return rows.map(({ id }) => id);
}

export async function lockAccount(tx: Queryable, id: string): Promise<AccountRow | undefined> {
  const rows = await tx.query<AccountRow>(sql`select ${columns} from accounts where id = ${id} for update`);
  return rows[0];
}

export async function updateAccount(tx: Queryable, row: AccountRow): Promise<void> {
  await tx.query(sql`
    update accounts set name = ${row.name}, email = ${row.email}, role = ${row.role}, is_active = ${row.is_active}
    where id = ${row.id}`);
}

export async function findFirstAdmin(db: Queryable): Promise<string | undefined> {
  const rows = await db.query<{ id: string }>(
    sql`select id from accounts where role = 'admin' and is_active order by created_at, id limit 1`,
  );
  return rows[0]?.id;
}
