// `Authorization: Bearer <token>` → the account, or why not. Called by the HTTP layer before any route of /prod.
import { hash } from 'node:crypto';
import type { Queryable } from '../db/database.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import type { Clock } from '../telemetry/clock.ts';
import { findToken } from './accounts.sql.ts';
import { judgeToken } from './token.pure.ts';

export interface Account {
  readonly id: string;
  readonly name: string;
  readonly role: 'admin' | 'member';
  readonly createdAt: number;
  readonly scopes: readonly string[];
  readonly token: { readonly id: string; readonly name: string; readonly prefix: string; readonly createdAt: number };
}

export type Authentication = { kind: 'ok'; account: Account } | { kind: 'refused'; reason: string };

interface Cached {
  readonly account: Account | undefined;
  readonly expiresAt: number | null;
  readonly loadedAt: number;
}

// A revoked token is refused within this time.
const CACHE_MS = 1_000;
const CACHE_ENTRIES = 10_000;

export function hashToken(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/**
 * Looks tokens up by their hash, with a cache of a second.
 * The hash is what is compared (by the database's index or the Map), so the time taken tells nothing of a token's bytes.
 */
export function createAuthenticator({ db, clock }: { db: Queryable; clock: Clock }) {
  const cache = new Map<string, Cached>();

  async function load(key: string, hash: Buffer): Promise<Cached> {
    const row = await findToken(db, hash);
    const account = row && {
      id: row.account_id,
      name: row.name,
      role: row.role,
      createdAt: row.account_created_at,
      scopes: row.scopes,
      token: { id: row.token_id, name: row.token_name, prefix: row.prefix, createdAt: row.token_created_at },
    };
    const entry = { account, expiresAt: row?.expires_at ?? null, loadedAt: clock.now() };
    if (cache.size >= CACHE_ENTRIES) cache.clear();
    cache.set(key, entry);
    return entry;
  }

  // While the database is away nothing can have been revoked: who was let in stays in.
  async function loadOrKeep(key: string, hash: Buffer, cached: Cached | undefined): Promise<Cached> {
    try {
      return await load(key, hash);
    } catch (error) {
      if (cached && isDatabaseUnavailable(error)) return cached;
      throw error;
    }
  }

  return async function authenticate(header: string | undefined): Promise<Authentication> {
    if (header === undefined) return { kind: 'refused', reason: 'No Authorization header was sent.' };
    const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (token === undefined) return { kind: 'refused', reason: 'The Authorization header is not of the Bearer form.' };
    if (judgeToken(token) === 'malformed') return { kind: 'refused', reason: 'The token is malformed.' };
    const digest = hashToken(token);
    const key = digest.toString('latin1');
    const cached = cache.get(key);
    const now = clock.now();
    const entry = cached && now - cached.loadedAt < CACHE_MS ? cached : await loadOrKeep(key, digest, cached);
    if (!entry.account) return { kind: 'refused', reason: 'The token is unknown or was revoked.' };
    if (entry.expiresAt !== null && entry.expiresAt <= now)
      return { kind: 'refused', reason: 'The token has expired.' };
    return { kind: 'ok', account: entry.account };
  };
}
