// Statements about accounts and their tokens.

import { textArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface TokenRow {
  readonly token_id: string;
  readonly account_id: string;
  readonly name: string;
  readonly role: 'admin' | 'member';
  readonly scopes: string[];
  readonly expires_at: number | null;
  readonly account_created_at: number;
  readonly token_name: string;
  readonly prefix: string;
  readonly token_created_at: number;
}

export async function findToken(db: Queryable, hash: Buffer): Promise<TokenRow | undefined> {
  const rows = await db.query<TokenRow>(sql.named('find_token')`
    select t.id as token_id, a.id as account_id, a.name, a.role, t.scopes, t.expires_at,
      a.created_at as account_created_at, t.name as token_name, t.prefix, t.created_at as token_created_at
    from tokens t join accounts a on a.id = t.account_id
    where t.hash = ${hash} and t.revoked_at is null and a.is_active`);
  return rows[0];
}

export async function countAccounts(db: Queryable): Promise<number> {
  const rows = await db.query<{ count: number }>(sql`select count(*)::int as count from accounts`);
  return rows[0]?.count ?? 0;
}

export async function insertAccount(db: Queryable, row: { id: string; name: string; role: 'admin' | 'member' }) {
  await db.query(sql`insert into accounts (id, name, role) values (${row.id}, ${row.name}, ${row.role})`);
}

export interface NewToken {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly prefix: string;
  readonly hash: Buffer;
  readonly scopes: readonly string[];
}

export async function insertToken(db: Queryable, row: NewToken) {
  await db.query(sql`
    insert into tokens (id, account_id, name, prefix, hash, scopes)
    values (${row.id}, ${row.accountId}, ${row.name}, ${row.prefix}, ${row.hash}, ${textArray(row.scopes)}::text[])
    on conflict (hash) do nothing`);
}

export async function findFirstAdmin(db: Queryable): Promise<string | undefined> {
  const rows = await db.query<{ id: string }>(
    sql`select id from accounts where role = 'admin' order by created_at, id limit 1`,
  );
  return rows[0]?.id;
}
