// Making, regenerating and revoking tokens. Called by routes.ts.
// A secret exists in full only in the answer to the call that made it; here and in the database there is its hash.
import { randomBytes } from 'node:crypto';
import { ApiError, type Role, validationError } from '@comfleet/api';
import type { Database, Queryable } from '../db/database.ts';
import { recordEvent } from '../events/events.sql.ts';
import type { Clock } from '../telemetry/clock.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { type Account, hashToken } from './authenticate.ts';
import { findExcess, findSecondPurse, type Grant, type GrantWish, judgeGrant } from './grant.pure.ts';
import { makeToken } from './token.pure.ts';
import { insertToken, keepReplacedSecret, lockToken, replaceSecret, revokeToken, type TokenRow } from './tokens.sql.ts';

export interface TokenDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Called after a commit: what was known of this account's tokens is out of date. */
  readonly forgetTokens: (accountId: string) => void;
}

export interface TokenWish extends GrantWish {
  readonly name: string;
}

export interface MadeToken {
  readonly row: TokenRow;
  readonly secret: string;
}

const PREFIX_CHARACTERS = 7;

export function grantOf({ scopes, token }: Account): Grant {
  return {
    scopes,
    expiresAt: token.expiresAt,
    spendingLimitMicrodollars: token.spendingLimitMicrodollars,
  };
}

/** `maker` bounds what is given; undefined when an administrator makes it for any account. */
export async function createToken(
  deps: TokenDeps,
  owner: { id: string; role: Role },
  given: { wish: TokenWish; maker: Grant | undefined; actor: Account },
): Promise<MadeToken> {
  const verdict = judgeGrant(given.wish, { now: deps.clock.now(), role: owner.role, maker: given.maker });
  if (verdict.kind === 'forbidden')
    throw new ApiError(403003, verdict.message, { hint: 'Ask for less, or use a token that has it.' });
  if (verdict.kind === 'invalid') {
    const loc = ['body', verdict.field];
    throw validationError([{ loc, msg: verdict.message, type: 'value_not_allowed' }]);
  }
  const token = {
    accountId: owner.id,
    name: given.wish.name,
    grant: verdict.grant,
    actorTokenId: given.actor.token.id,
  };
  return await deps.db.transaction(async (tx) => await addToken(tx, deps, token));
}

/** Inserts a token with a new secret and records it; for a transaction that may do more. */
export async function addToken(
  tx: Queryable,
  deps: Pick<TokenDeps, 'newId'>,
  token: { accountId: string; name: string; grant: Grant; actorTokenId: string | undefined },
): Promise<MadeToken> {
  const { accountId, name, grant } = token;
  const secret = makeToken(randomBytes(96));
  const row = await insertToken(tx, { id: deps.newId(), accountId, name, ...hashed(secret), ...grant });
  if (row === undefined) throw new Error('two tokens with one secret');
  await recordEvent(tx, {
    accountId,
    kind: 'token.created',
    subjectId: row.id,
    tokenId: token.actorTokenId,
    message: `Token "${name}" was made, with the scopes ${grant.scopes.join(', ')}.`,
  });
  return { row, secret };
}

export async function regenerateToken(
  deps: TokenDeps,
  account: Account,
  wish: { tokenId: string; overlapSeconds: number },
): Promise<MadeToken & { oldValidUntil: number }> {
  const now = deps.clock.now();
  const oldValidUntil = now + wish.overlapSeconds * 1000;
  const secret = makeToken(randomBytes(96));
  const row = await deps.db.transaction(async (tx) => {
    const before = await lockOwn(tx, account, wish.tokenId);
    if (before.expires_at !== null && before.expires_at <= now)
      throw new ApiError(409001, `Token ${before.id} has expired; make a new one with POST /tokens.`);
    // Its new secret would be a way to what the caller's own token is denied.
    const [given, own] = [grantOfRow(before), grantOf(account)];
    const isItself = before.id === account.token.id;
    const excess = findExcess(given, own) ?? (isItself ? undefined : findSecondPurse(given, own));
    if (excess !== undefined) throw new ApiError(403003, excess, { hint: 'Use a token that has at least as much.' });
    await keepReplacedSecret(tx, before.id, oldValidUntil);
    const after = await replaceSecret(tx, { id: before.id, ...hashed(secret) });
    await recordEvent(tx, {
      accountId: account.id,
      kind: 'token.regenerated',
      subjectId: before.id,
      tokenId: account.token.id,
      message: `Token "${before.name}" was given a new secret; the old one works for ${wish.overlapSeconds} s more.`,
    });
    return after;
  });
  if (row === undefined) throw new Error('a locked token was gone');
  deps.forgetTokens(account.id);
  return { row, secret, oldValidUntil };
}

export async function removeToken(
  deps: TokenDeps,
  token: { accountId: string; tokenId: string; actor: Account },
): Promise<void> {
  const { accountId, tokenId, actor } = token;
  await deps.db.transaction(async (tx) => {
    const revoked = isUuid(tokenId) ? await revokeToken(tx, { id: tokenId, accountId }) : undefined;
    if (revoked === undefined) throw unknownToken(tokenId);
    await recordEvent(tx, {
      accountId,
      kind: 'token.revoked',
      subjectId: tokenId.toLowerCase(),
      tokenId: actor.token.id,
      message: `Token "${revoked.name}" was revoked.`,
    });
  });
  deps.forgetTokens(accountId);
}

async function lockOwn(tx: Queryable, account: Account, tokenId: string): Promise<TokenRow> {
  const row = isUuid(tokenId) ? await lockToken(tx, { id: tokenId, accountId: account.id }) : undefined;
  if (row === undefined) throw unknownToken(tokenId);
  return row;
}

// Another account's token is not told from one that never was.
function unknownToken(id: string): ApiError {
  return new ApiError(404001, `The account has no token ${id.slice(0, 100)}.`, { hint: 'GET /tokens lists them.' });
}

function grantOfRow(row: TokenRow): Grant {
  return {
    scopes: row.scopes,
    expiresAt: row.expires_at ?? undefined,
    spendingLimitMicrodollars: row.spending_limit_microdollars ?? undefined,
  };
}

function hashed(secret: string): { hash: Buffer; prefix: string } {
  return { hash: hashToken(secret), prefix: secret.slice(0, PREFIX_CHARACTERS) };
}
