// `Authorization: Bearer <token>` → the account, or why not. Called by the HTTP layer before any route of /prod.
// The SHA-256 of the secret is what is looked up and compared, by the database's index or a Map: the time that takes
// depends on the hash, which a caller cannot steer, so it tells nothing of a token's bytes.
import { hash } from 'node:crypto';
import type { Queryable } from '../db/database.ts';
import type { Clock } from '../telemetry/clock.ts';
import { createKnownTokens } from './known-tokens.ts';
import { judgeToken } from './token.pure.ts';

export interface CallingToken {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  readonly spendingLimitMicrodollars: number | undefined;
  readonly lastUsedAt: number | undefined;
}

export interface Account {
  readonly id: string;
  readonly name: string;
  readonly email: string | undefined;
  readonly role: 'admin' | 'member';
  readonly createdAt: number;
  /** What the token may do. */
  readonly scopes: readonly string[];
  readonly token: CallingToken;
}

export type Authentication = { kind: 'ok'; account: Account } | { kind: 'refused'; reason: string };

export interface Authenticator {
  authenticate(header: string | undefined): Promise<Authentication>;
  /** Something about this account or one of its tokens was written: from now on nothing older is believed. */
  forget(accountId: string): void;
}

export function hashToken(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

export function createAuthenticator({ db, clock }: { db: Queryable; clock: Clock }): Authenticator {
  const tokens = createKnownTokens({ db, clock });
  return {
    async authenticate(header) {
      if (header === undefined) return refuse('No Authorization header was sent.');
      const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
      if (token === undefined) return refuse('The Authorization header is not of the Bearer form.');
      // A mistyped token of ours, by its checksum: the database is not asked.
      if (judgeToken(token) === 'malformed') return refuse('The token is malformed.');
      const found = tokens.find(hashToken(token));
      const known = found instanceof Promise ? await found : found;
      if (known === undefined) return refuse('The token is unknown or was revoked.');
      const now = clock.now();
      if (isOver(known.account.token.expiresAt, now)) return refuse('The token has expired.');
      if (isOver(known.validUntil, now)) return refuse('The token was given a new secret, and this one has ended.');
      return { kind: 'ok', account: known.account };
    },
    forget: tokens.forget,
  };
}

function isOver(end: number | undefined, now: number): boolean {
  return end !== undefined && end <= now;
}

function refuse(reason: string): Authentication {
  return { kind: 'refused', reason };
}
