// Statements about tokens and the secrets that newer ones replaced.
import { byteaArray, textArray } from '../db/binary-arrays.ts';
import type { Cursor } from '../db/cursor.pure.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface TokenRow {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: string[];
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly spending_limit_microdollars: number | null;
  readonly last_used_at: number | null;
}

const columns = sql`id, account_id, name, prefix, scopes, created_at, expires_at, spending_limit_microdollars, last_used_at`;

export interface CallerRow {
  /** The hash that was asked for. */
  readonly hash: Buffer;
  /** Of a secret that was replaced: until when it works. */
  readonly valid_until: number | null;
  readonly token_id: string;
  readonly token_name: string;
  readonly prefix: string;
  readonly scopes: string[];
  readonly token_created_at: number;
  readonly expires_at: number | null;
  readonly spending_limit_microdollars: number | null;
  readonly last_used_at: number | null;
  readonly account_id: string;
  readonly account_name: string;
  readonly email: string | null;
  readonly role: 'admin' | 'member';
  readonly account_created_at: number;
}

/** Who the secrets with these hashes belong to; no row for one that is unknown, revoked or of a closed account. */
export async function findCallers(db: Queryable, hashes: readonly Buffer[]): Promise<CallerRow[]> {
  return await db.query<CallerRow>(sql.named('find_callers')`
    select given.hash, secret.valid_until, t.id as token_id, t.name as token_name, t.prefix, t.scopes,
      t.created_at as token_created_at, t.expires_at, t.spending_limit_microdollars, t.last_used_at,
      a.id as account_id, a.name as account_name, a.email, a.role, a.created_at as account_created_at
    from unnest(${byteaArray(hashes)}::bytea[]) as given(hash)
    join lateral (
      select tokens.id as token_id, null::timestamptz as valid_until from tokens where tokens.hash = given.hash
      union all
      select r.token_id, r.valid_until from replaced_secrets r where r.hash = given.hash
    ) as secret on true
    join tokens t on t.id = secret.token_id
    join accounts a on a.id = t.account_id
    where t.revoked_at is null and a.is_active`);
}

export interface NewToken {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly prefix: string;
  readonly hash: Buffer;
  readonly scopes: readonly string[];
  readonly expiresAt?: number | undefined;
  readonly spendingLimitMicrodollars?: number | undefined;
}

/** Undefined when there is, or was, a token with this secret. */
export async function insertToken(db: Queryable, row: NewToken): Promise<TokenRow | undefined> {
  const expiresAt = row.expiresAt === undefined ? null : new Date(row.expiresAt);
  const rows = await db.query<TokenRow>(sql`
    insert into tokens (id, account_id, name, prefix, hash, scopes, expires_at, spending_limit_microdollars)
    select ${row.id}::uuid, ${row.accountId}::uuid, ${row.name}, ${row.prefix}, ${row.hash}::bytea,
      ${textArray(row.scopes)}::text[], ${expiresAt}::timestamptz, ${row.spendingLimitMicrodollars ?? null}::bigint
    where not exists (select from replaced_secrets where hash = ${row.hash})
    on conflict (hash) do nothing returning ${columns}`);
  return rows[0];
}

export async function listTokens(
  db: Queryable,
  page: { accountId: string; limit: number; before: Cursor | undefined },
): Promise<TokenRow[]> {
  const { before } = page;
  const older = before
    ? sql`and (created_at, id) < (timestamptz 'epoch' + ${before.micros}::float8 * interval '1 microsecond', ${before.id}::uuid)`
    : sql``;
  return await db.query<TokenRow>(sql`
    select ${columns} from tokens where account_id = ${page.accountId} and revoked_at is null ${older}
    order by created_at desc, id desc limit ${page.limit}`);
}

export async function revokeToken(
  tx: Queryable,
  token: { id: string; accountId: string },
): Promise<{ name: string } | undefined> {
  const rows = await tx.query<{ name: string }>(sql`
    update tokens set revoked_at = now()
    where id = ${token.id} and account_id = ${token.accountId} and revoked_at is null returning name`);
  return rows[0];
}

export async function lockToken(
  tx: Queryable,
  token: { id: string; accountId: string },
): Promise<TokenRow | undefined> {
  const rows = await tx.query<TokenRow>(sql`
    select ${columns} from tokens
    where id = ${token.id} and account_id = ${token.accountId} and revoked_at is null for update`);
  return rows[0];
}

/** The secret it has now works until then; those before it no longer than that. */
export async function keepReplacedSecret(tx: Queryable, tokenId: string, validUntil: number): Promise<void> {
  const until = new Date(validUntil);
  await tx.query(sql`
    update replaced_secrets set valid_until = least(valid_until, ${until}) where token_id = ${tokenId}`);
  await tx.query(sql`
    insert into replaced_secrets (hash, token_id, valid_until)
    select hash, id, ${until}::timestamptz from tokens where id = ${tokenId}`);
}

export async function replaceSecret(
  tx: Queryable,
  token: { id: string; hash: Buffer; prefix: string },
): Promise<TokenRow | undefined> {
  const rows = await tx.query<TokenRow>(sql`
    update tokens set hash = ${token.hash}, prefix = ${token.prefix} where id = ${token.id} returning ${columns}`);
  return rows[0];
}

export async function noteTokenUse(db: Queryable, tokenId: string, at: number): Promise<void> {
  await db.query(sql`
    update tokens set last_used_at = greatest(last_used_at, ${new Date(at)}::timestamptz) where id = ${tokenId}`);
}
