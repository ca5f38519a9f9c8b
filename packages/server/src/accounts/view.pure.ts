// Accounts and tokens as the contract shows them. Called by routes.ts.
import { formatInstant } from '@comfleet/api';
import type { AccountRow } from './accounts.sql.ts';
import type { Account } from './authenticate.ts';
import type { TokenRow } from './tokens.sql.ts';

const MICRODOLLARS = 1_000_000;

export function viewToken(row: TokenRow) {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    created_at: formatInstant(row.created_at),
    ...(row.expires_at === null ? {} : { expires_at: formatInstant(row.expires_at) }),
    ...(row.spending_limit_microdollars === null
      ? {}
      : { spending_limit_usd: row.spending_limit_microdollars / MICRODOLLARS }),
    ...(row.last_used_at === null ? {} : { last_used_at: formatInstant(row.last_used_at) }),
  };
}

export function viewAccount(row: AccountRow) {
  return {
    id: row.id,
    name: row.name,
    ...(row.email === null ? {} : { email: row.email }),
    role: row.role,
    is_active: row.is_active,
    created_at: formatInstant(row.created_at),
  };
}

/** The caller itself: what its token's lookup told. */
export function viewCaller({ id, name, email, role, createdAt, scopes, token }: Account) {
  const row: TokenRow = {
    id: token.id,
    account_id: id,
    name: token.name,
    prefix: token.prefix,
    scopes: [...scopes],
    created_at: token.createdAt,
    expires_at: token.expiresAt ?? null,
    spending_limit_microdollars: token.spendingLimitMicrodollars ?? null,
    last_used_at: token.lastUsedAt ?? null,
  };
  const who = { id, name, ...(email === undefined ? {} : { email }), role, created_at: formatInstant(createdAt) };
  return { ...who, token: viewToken(row) };
}

export function toMicrodollars(usd: number | undefined): number | undefined {
  return usd === undefined ? undefined : Math.round(usd * MICRODOLLARS);
}
