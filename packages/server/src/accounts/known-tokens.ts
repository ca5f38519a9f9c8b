// Who a token's secret belongs to, looked up by its hash and kept for a second. Called by authenticate.ts.
// Calls of one token at one time share a lookup, lookups of one turn share a statement, and secrets that belong to nobody
// are kept apart, so that a flood of invented tokens costs the database little and pushes no real token out.
import { createBatcher } from '../db/batch.ts';
import type { Queryable } from '../db/database.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Account, CallingToken } from './authenticate.ts';
import { type CallerRow, findCallers, noteTokenUse } from './tokens.sql.ts';

export interface KnownToken {
  readonly account: Account;
  /** Of a secret that was replaced: until when it works. */
  readonly validUntil: number | undefined;
  readonly loadedAt: number;
}

/** A revoked token is refused within this time on other replicas; on this one at once (forget). */
const KEPT_MS = 1_000;
const KEPT = 10_000;
/** However many invented tokens come, so many statements run at a time. */
const LOOKUP_LANES = 2;
const NOTE_USE_EVERY_MS = 60_000;

interface State {
  readonly db: Queryable;
  readonly clock: Clock;
  readonly known: Map<string, KnownToken>;
  /** When it was seen that nobody has this secret. */
  readonly unknown: Map<string, number>;
  readonly lookUp: (digest: Buffer) => Promise<CallerRow | undefined>;
  /** Counts what was written, so that a read that began before is not believed. */
  changes: number;
}

export interface KnownTokens {
  /** At once when it is kept, as it is for nearly every call. */
  find(digest: Buffer): KnownToken | undefined | Promise<KnownToken | undefined>;
  forget(accountId: string): void;
}

export function createKnownTokens({ db, clock }: { db: Queryable; clock: Clock }): KnownTokens {
  const lookups = createBatcher<Buffer, CallerRow | undefined>({
    lanes: LOOKUP_LANES,
    flush: async (digests) => {
      const rows = new Map((await findCallers(db, digests)).map((row) => [keyOf(row.hash), row]));
      return digests.map((digest) => rows.get(keyOf(digest)));
    },
  });
  const state: State = { db, clock, known: new Map(), unknown: new Map(), lookUp: lookups.add, changes: 0 };
  const loading = new Map<string, Promise<KnownToken | undefined>>();

  return {
    find(digest) {
      const key = keyOf(digest);
      const now = clock.now();
      const kept = state.known.get(key);
      if (kept && isFresh(kept.loadedAt, now)) return kept;
      if (isFresh(state.unknown.get(key), now)) return undefined;
      const underWay = loading.get(key) ?? load(state, key, digest).finally(() => loading.delete(key));
      loading.set(key, underWay);
      return orKept(underWay, kept);
    },
    forget(accountId) {
      state.changes += 1;
      state.unknown.clear();
      for (const [key, { account }] of state.known) if (account.id === accountId) state.known.delete(key);
    },
  };
}

/** What a clock that was set back makes look new is none of it. */
function isFresh(at: number | undefined, now: number): boolean {
  return at !== undefined && now >= at && now - at < KEPT_MS;
}

// While the database is away nothing can have been revoked: who was let in stays in.
async function orKept(underWay: Promise<KnownToken | undefined>, kept: KnownToken | undefined) {
  try {
    return await underWay;
  } catch (error) {
    if (kept && isDatabaseUnavailable(error)) return kept;
    throw error;
  }
}

async function load(state: State, key: string, digest: Buffer): Promise<KnownToken | undefined> {
  for (;;) {
    const before = state.changes;
    const loadedAt = state.clock.now();
    const row = await state.lookUp(digest);
    // Something was written while this was read, so it may be older than that: look again.
    if (state.changes !== before) continue;
    if (row === undefined) {
      state.known.delete(key);
      keep(state.unknown, key, loadedAt);
      return undefined;
    }
    noteUse(state, row, loadedAt);
    const entry = toKnown(row, loadedAt);
    keep(state.known, key, entry);
    return entry;
  }
}

// Here and not in every call: a lookup is renewed at most once a second, so no more often is this asked at all.
function noteUse({ db }: State, row: CallerRow, now: number): void {
  if (row.last_used_at !== null && now - row.last_used_at < NOTE_USE_EVERY_MS) return;
  noteTokenUse(db, row.token_id, now).catch(() => undefined); // the next lookup notes it
}

function keyOf(digest: Buffer): string {
  return digest.toString('latin1');
}

/** At the end of the Map; its first entry is the oldest and goes when there are too many. */
function keep<T>(kept: Map<string, T>, key: string, entry: T): void {
  kept.delete(key);
  kept.set(key, entry);
  const oldest = kept.keys().next().value;
  if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
}

function toKnown(row: CallerRow, loadedAt: number): KnownToken {
  const token: CallingToken = {
    id: row.token_id,
    name: row.token_name,
    prefix: row.prefix,
    createdAt: row.token_created_at,
    expiresAt: row.expires_at ?? undefined,
    spendingLimitMicrodollars: row.spending_limit_microdollars ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
  };
  const account: Account = {
    id: row.account_id,
    name: row.account_name,
    email: row.email ?? undefined,
    role: row.role,
    createdAt: row.account_created_at,
    scopes: row.scopes,
    token,
  };
  return { account, validUntil: row.valid_until ?? undefined, loadedAt };
}
