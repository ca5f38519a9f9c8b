// What accounts and tokens may still spend, in memory: as last read from the database, less what was charged since, with
// what live requests reserve. Used by funds.ts.
import type { Queryable } from '../db/database.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Purse } from './hold.pure.ts';
import { type FundsRow, readFunds } from './ledger.sql.ts';

export type MutablePurse = { -readonly [Key in keyof Purse]: Purse[Key] };

export interface AccountFunds {
  readonly id: string;
  readonly purse: MutablePurse;
  /** Only of those that were used here. */
  readonly tokens: Map<string, MutablePurse>;
  /** Tokens whose limit was not read yet. */
  readonly unread: Set<string>;
  balance: number;
  spent: number;
  limit: number | undefined;
  /** Live requests that draw from it. */
  holds: number;
  /** Undefined: has to be read before it is used. */
  loadedAt: number | undefined;
  loading: Promise<void> | undefined;
  /** Counts what was changed in the database by this process: a read that began before shows the old state. */
  changes: number;
}

const KEPT = 10_000;
const FRESH_MS = 1_000;

export class Purses {
  readonly #db: Queryable;
  readonly #clock: Clock;
  readonly #accounts = new Map<string, AccountFunds>();

  constructor({ db, clock }: { db: Queryable; clock: Clock }) {
    this.#db = db;
    this.#clock = clock;
  }

  ofAccount(id: string): AccountFunds {
    const known = this.#accounts.get(id);
    if (known !== undefined) return known;
    if (this.#accounts.size >= KEPT) this.#dropUnused();
    const account = newAccount(id);
    this.#accounts.set(id, account);
    return account;
  }

  ofToken(account: AccountFunds, tokenId: string): MutablePurse {
    let purse = account.tokens.get(tokenId);
    if (purse === undefined) {
      purse = newPurse(Number.POSITIVE_INFINITY);
      account.tokens.set(tokenId, purse);
      account.unread.add(tokenId);
    }
    return purse;
  }

  /** False until its funds were read, and again once they were changed in the database. */
  isKnown({ accountId }: { accountId: string }): boolean {
    return this.ofAccount(accountId).loadedAt !== undefined;
  }

  all(): IterableIterator<AccountFunds> {
    return this.#accounts.values();
  }

  /** The purses that a request of this token draws from. */
  drawnBy({ accountId, tokenId }: { accountId: string; tokenId: string | undefined }): MutablePurse[] {
    const account = this.ofAccount(accountId);
    return tokenId === undefined ? [account.purse] : [account.purse, this.ofToken(account, tokenId)];
  }

  clearOverruns(): void {
    for (const account of this.#accounts.values()) {
      account.purse.overrun = 0;
      for (const purse of account.tokens.values()) purse.overrun = 0;
    }
  }

  /** At once when it was read within the last second. */
  async freshen(account: AccountFunds, tokenId: string | undefined): Promise<void> {
    if (tokenId !== undefined) this.ofToken(account, tokenId);
    const isTokenNew = tokenId !== undefined && account.unread.has(tokenId);
    const ageMs = this.#clock.now() - (account.loadedAt ?? Number.NEGATIVE_INFINITY);
    if (!isTokenNew && ageMs >= 0 && ageMs < FRESH_MS) return;
    await this.loadOrKeep(account);
  }

  /** While the database is away nothing is accepted anyway; what was read before still holds. */
  async loadOrKeep(account: AccountFunds): Promise<void> {
    try {
      await this.load(account);
    } catch (error) {
      if (account.loadedAt === undefined || !isDatabaseUnavailable(error)) throw error;
    }
  }

  /** By a read that begins after this call. Callers of one turn share it. */
  async load(account: AccountFunds): Promise<void> {
    // One that is under way may not see what the caller wants to see; its failure is for those who wait for it.
    if (account.loading !== undefined) await account.loading.catch(() => undefined);
    account.loading ??= this.#read(account).finally(() => {
      account.loading = undefined;
    });
    await account.loading;
  }

  /** Something was changed in the database: the next use reads it. */
  forget(accountId: string): void {
    const account = this.ofAccount(accountId);
    account.loadedAt = undefined;
    account.changes += 1;
  }

  // A charge that is settled before the read begins is in what is read; one that is settled later may be in it or not, and
  // counts beside it until the next read.
  async #read(account: AccountFunds): Promise<void> {
    const tokenIds = [...account.tokens.keys()];
    const drawn = [account.purse, ...account.tokens.values()];
    const before = drawn.map((purse) => purse.charged);
    const { changes } = account;
    learn(account, await readFunds(this.#db, { accountId: account.id, tokenIds }));
    for (const tokenId of tokenIds) account.unread.delete(tokenId);
    drawn.forEach((purse, index) => {
      purse.charged -= before[index] ?? 0;
    });
    account.loadedAt = account.changes === changes ? this.#clock.now() : undefined;
  }

  #dropUnused(): void {
    for (const [id, account] of this.#accounts) if (account.holds === 0 && !account.loading) this.#accounts.delete(id);
  }
}

function newPurse(left: number): MutablePurse {
  return { left, charged: 0, reserved: 0, overrun: 0 };
}

function newAccount(id: string): AccountFunds {
  return {
    id,
    purse: newPurse(0),
    tokens: new Map(),
    unread: new Set(),
    balance: 0,
    spent: 0,
    limit: undefined,
    holds: 0,
    loadedAt: undefined,
    loading: undefined,
    changes: 0,
  };
}

function learn(account: AccountFunds, rows: readonly FundsRow[]): void {
  const own = rows.find((row) => row.token_id === null);
  account.balance = own?.balance ?? 0;
  account.spent = own?.spent ?? 0;
  account.limit = own?.spending_limit ?? undefined;
  account.purse.left = Math.min(account.balance, leftOf(account.limit, account.spent));
  for (const { token_id, spending_limit, spent } of rows) {
    const purse = token_id === null ? undefined : account.tokens.get(token_id);
    if (purse !== undefined) purse.left = leftOf(spending_limit ?? undefined, spent);
  }
}

function leftOf(limit: number | undefined, spent: number): number {
  return limit === undefined ? Number.POSITIVE_INFINITY : limit - spent;
}
