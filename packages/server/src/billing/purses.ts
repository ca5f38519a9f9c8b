// The accounts and tokens that lately spent, in memory: what is left of each and what is reserved. Used by funds.ts.
import type { Purse } from './hold.pure.ts';
import type { FundsRow } from './ledger.sql.ts';

export type MutablePurse = { -readonly [Key in keyof Purse]: Purse[Key] };

export interface AccountFunds {
  readonly id: string;
  readonly purse: MutablePurse;
  /** Only of those that were used here. */
  readonly tokens: Map<string, MutablePurse>;
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

const newPurse = (left: number): MutablePurse => ({ left, charged: 0, reserved: 0, overrun: 0 });

export function createPurses() {
  const accounts = new Map<string, AccountFunds>();

  function dropUnused() {
    for (const [id, account] of accounts) if (account.holds === 0 && !account.loading) accounts.delete(id);
  }

  function ofAccount(id: string): AccountFunds {
    const known = accounts.get(id);
    if (known !== undefined) return known;
    if (accounts.size >= KEPT) dropUnused();
    const account: AccountFunds = {
      id,
      purse: newPurse(0),
      tokens: new Map(),
      balance: 0,
      spent: 0,
      limit: undefined,
      holds: 0,
      loadedAt: undefined,
      loading: undefined,
      changes: 0,
    };
    accounts.set(id, account);
    return account;
  }

  function ofToken(account: AccountFunds, tokenId: string): MutablePurse {
    let purse = account.tokens.get(tokenId);
    if (purse === undefined) {
      purse = newPurse(Number.POSITIVE_INFINITY);
      account.tokens.set(tokenId, purse);
    }
    return purse;
  }

  return {
    ofAccount,
    ofToken,
    all: () => accounts.values(),
    /** False: its limit was never read. It is made known, so that the next read asks for it. */
    hasToken(account: AccountFunds, tokenId: string): boolean {
      const isKnown = account.tokens.has(tokenId);
      ofToken(account, tokenId);
      return isKnown;
    },
    drawnBy({ accountId, tokenId }: { accountId: string; tokenId: string | undefined }): MutablePurse[] {
      const account = ofAccount(accountId);
      return tokenId === undefined ? [account.purse] : [account.purse, ofToken(account, tokenId)];
    },
    clearOverruns() {
      for (const account of accounts.values()) {
        account.purse.overrun = 0;
        for (const purse of account.tokens.values()) purse.overrun = 0;
      }
    },
    learn(account: AccountFunds, rows: readonly FundsRow[], tokenIds: readonly string[]) {
      const own = rows.find((row) => row.token_id === null);
      account.balance = own?.balance ?? 0;
      account.spent = own?.spent ?? 0;
      account.limit = own?.spending_limit ?? undefined;
      account.purse.left = Math.min(account.balance, leftOf(account.limit, account.spent));
      const tokens = new Map(rows.map((row) => [row.token_id, row]));
      for (const id of tokenIds) {
        const row = tokens.get(id);
        ofToken(account, id).left = leftOf(row?.spending_limit ?? undefined, row?.spent ?? 0);
      }
    },
  };
}

function leftOf(limit: number | undefined, spent: number): number {
  return limit === undefined ? Number.POSITIVE_INFINITY : limit - spent;
}
