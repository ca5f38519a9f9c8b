// What a new token may do, by what its maker's token may do: never more. Pure; called by tokens.ts.
import { DEFAULT_SCOPES, type Role, SCOPES, type Scope } from '@comfleet/api';

export interface Grant {
  readonly scopes: readonly string[];
  readonly expiresAt: number | undefined;
  readonly spendingLimitMicrodollars: number | undefined;
}

export interface GrantWish {
  readonly scopes: readonly Scope[] | undefined;
  readonly expiresAt: number | undefined;
  readonly spendingLimitMicrodollars: number | undefined;
}

/** `forbidden`: more than the maker has; `invalid`: nobody could have it so. */
export type GrantVerdict =
  | { readonly kind: 'granted'; readonly grant: Grant }
  | { readonly kind: 'forbidden'; readonly message: string }
  | { readonly kind: 'invalid'; readonly field: 'scopes' | 'expires_at'; readonly message: string };

interface Circumstances {
  readonly now: number;
  /** Of the account that gets the token. */
  readonly role: Role;
  /** The maker's own token; undefined for an administrator who makes one for any account. */
  readonly maker: Grant | undefined;
}

/** What formatInstant can write: four digits of a year. */
const LAST_INSTANT = Date.UTC(9999, 11, 31);

export function judgeGrant(wish: GrantWish, { now, role, maker }: Circumstances): GrantVerdict {
  const { expiresAt } = wish;
  if (expiresAt !== undefined && expiresAt <= now)
    return { kind: 'invalid', field: 'expires_at', message: 'expires_at must lie in the future.' };
  if (expiresAt !== undefined && expiresAt > LAST_INSTANT)
    return { kind: 'invalid', field: 'expires_at', message: 'expires_at must lie before the year 9999 ends.' };
  if (role !== 'admin' && maker === undefined && wish.scopes?.includes('admin')) {
    const message = 'scopes must not contain "admin": the account is a member. PATCH it with {"role": "admin"} first.';
    return { kind: 'invalid', field: 'scopes', message };
  }
  const asked = wish.scopes ?? DEFAULT_SCOPES.filter((scope) => maker?.scopes.includes(scope) ?? true);
  const grant: Grant = {
    scopes: SCOPES.filter((scope) => asked.includes(scope)),
    expiresAt: expiresAt ?? maker?.expiresAt,
    spendingLimitMicrodollars: wish.spendingLimitMicrodollars ?? maker?.spendingLimitMicrodollars,
  };
  if (role !== 'admin' && grant.scopes.includes('admin'))
    return { kind: 'forbidden', message: 'Only an administrator can have a token with the scope admin.' };
  const excess = maker && (findExcess(grant, maker) ?? findSecondPurse(grant, maker));
  return excess === undefined ? { kind: 'granted', grant } : { kind: 'forbidden', message: excess };
}

/** What the grant has beyond the maker's, in words; undefined when it has nothing. */
export function findExcess(grant: Grant, maker: Grant): string | undefined {
  const missing = grant.scopes.filter((scope) => !maker.scopes.includes(scope));
  if (missing.length > 0) {
    return `This token has the scopes ${maker.scopes.join(', ')} and cannot give ${missing.join(', ')}.`;
  }
  if (maker.expiresAt !== undefined && (grant.expiresAt ?? Number.POSITIVE_INFINITY) > maker.expiresAt) {
    const end = new Date(maker.expiresAt).toISOString();
    return `This token expires at ${end} and cannot give one that lives longer.`;
  }
  const limit = maker.spendingLimitMicrodollars;
  if (limit !== undefined && (grant.spendingLimitMicrodollars ?? Number.POSITIVE_INFINITY) > limit) {
    return `This token has a spending limit of ${limit / 1_000_000} USD and cannot give a larger one.`;
  }
  return undefined;
}

/** Each token has its limit for itself: one that could give others would have no limit at all. */
export function findSecondPurse({ scopes }: Grant, maker: Grant): string | undefined {
  const limit = maker.spendingLimitMicrodollars;
  if (limit === undefined || !scopes.includes('run')) return undefined;
  return `This token has a spending limit of ${limit / 1_000_000} USD, which another token with the scope run would go beyond.`;
}
