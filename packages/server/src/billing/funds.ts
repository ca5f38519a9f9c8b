// The gate for money: what each account and token may still spend, in memory, and what its live requests reserve of it
// (the policy is in hold.pure.ts). Made by app.ts when billing is on; submit.ts takes a hold before it accepts a request,
// finish.ts settles it. A fresh account costs a submit no query: balances are read again after a second, and always
// before anybody is refused. With N processes on one database each reserves for itself.
import { ApiError, DEFAULT_HARDWARE, type HardwareCatalogue } from '@comfleet/api';
import type { Queryable } from '../db/database.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeRefusal, judgeStart } from './funds-words.pure.ts';
import { expectRunMs, isEmpty, learnMean, mustStopOverrun, reserveFor } from './hold.pure.ts';
import { readFunds } from './ledger.sql.ts';
import { type AccountFunds, createPurses, type MutablePurse } from './purses.ts';

export interface HoldFor {
  readonly accountId: string;
  readonly tokenId: string | undefined;
  readonly deploymentId: string;
  readonly sku: string;
}

/** What one live request keeps from being spent by others, and what its time costs. */
export interface Hold extends HoldFor {
  readonly pricePerHourMicrodollars: number;
  readonly reservedMicrodollars: number;
  /** The request has ended, or was never accepted. Once is enough; what comes after does nothing. */
  settle(end: { chargedMicrodollars: number; runMs: number | undefined }): void;
}

export const NOTHING_SPENT = { chargedMicrodollars: 0, runMs: undefined } as const;

export interface Funds {
  /** Throws 10001, having disabled what the account can no longer pay for. */
  take(ask: HoldFor): Promise<Hold>;
  /** After a restart: the request was accepted before, so nobody asks whether it may be. */
  restore(ask: HoldFor): Hold;
  /** Throws 10001 while the account has nothing to spend. Before a deployment is enabled. */
  requireFunds(accountId: string): Promise<void>;
  /** Why an account cannot start runs and what to do, with its balance. */
  explain(accountId: string): Promise<string>;
  /** Something was changed in the database: the next use reads it. */
  forget(accountId: string): void;
  /** Reads again what live requests draw from. */
  refresh(): Promise<void>;
  /** Of the runs that have used more than they reserved, those that nothing is left for. */
  chooseStops(overruns: readonly Overrun[]): Overrun[];
  /** True when the money of the hold's account is used up. */
  isEmpty(accountId: string): boolean;
  /** Accounts whose money a charge used up since the last call. */
  takeEmptied(): string[];
}

export interface Overrun {
  readonly hold: Hold;
  readonly overrunMicrodollars: number;
}

interface Deps {
  readonly db: Queryable;
  readonly clock: Clock;
  readonly hardware: HardwareCatalogue;
  readonly runTimeoutMs: number;
  /** Disables a deployment, or all of an account's. */
  readonly disable: (of: { accountId: string; deploymentId?: string }) => Promise<void>;
}

const FRESH_MS = 1_000;

export function createFunds(deps: Deps): Funds {
  const { clock } = deps;
  const priceOf = createPrices(deps.hardware);
  const purses = createPurses();
  const meanRunMs = new Map<string, number>();
  const emptied = new Set<string>();

  async function load(account: AccountFunds): Promise<void> {
    // A read under way may have begun before what the caller wants to see, and one that failed is its own caller's matter.
    if (account.loading !== undefined) await account.loading.catch(() => undefined);
    account.loading ??= read(account).finally(() => {
      account.loading = undefined;
    });
    await account.loading;
  }

  // A charge that is settled before the read starts is in what is read; one that is settled later may be, or not, and
  // counts until the next read.
  async function read(account: AccountFunds): Promise<void> {
    const tokenIds = [...account.tokens.keys()];
    const drawn = [account.purse, ...account.tokens.values()];
    const before = drawn.map((purse) => purse.charged);
    const { changes } = account;
    const rows = await readFunds(deps.db, { accountId: account.id, tokenIds });
    purses.learn(account, rows, tokenIds);
    drawn.forEach((purse, index) => {
      purse.charged -= before[index] ?? 0;
    });
    account.loadedAt = account.changes === changes ? clock.now() : undefined;
  }

  async function freshen(account: AccountFunds, tokenId: string | undefined): Promise<void> {
    const isTokenNew = tokenId !== undefined && !purses.hasToken(account, tokenId);
    const ageMs = clock.now() - (account.loadedAt ?? Number.NEGATIVE_INFINITY);
    if (!isTokenNew && ageMs >= 0 && ageMs < FRESH_MS) return;
    await loadOrKeep(account);
  }

  // While the database is away nothing is accepted anyway; what was read before still holds.
  async function loadOrKeep(account: AccountFunds): Promise<void> {
    try {
      await load(account);
    } catch (error) {
      if (account.loadedAt === undefined || !isDatabaseUnavailable(error)) throw error;
    }
  }

  function hold(account: AccountFunds, ask: HoldFor): Hold {
    const drawn: MutablePurse[] = [account.purse];
    if (ask.tokenId !== undefined) drawn.push(purses.ofToken(account, ask.tokenId));
    const pricePerHourMicrodollars = priceOf(ask.sku);
    const runMs = expectRunMs(meanRunMs.get(ask.deploymentId), deps.runTimeoutMs);
    const reservedMicrodollars = reserveFor(runMs, pricePerHourMicrodollars);
    for (const purse of drawn) purse.reserved += reservedMicrodollars;
    account.holds += 1;
    let isSettled = false;
    return {
      ...ask,
      pricePerHourMicrodollars,
      reservedMicrodollars,
      settle(end) {
        if (isSettled) return;
        isSettled = true;
        account.holds -= 1;
        for (const purse of drawn) {
          purse.reserved -= reservedMicrodollars;
          purse.charged += end.chargedMicrodollars;
        }
        if (end.runMs !== undefined) learn(ask.deploymentId, end.runMs);
        if (end.chargedMicrodollars > 0 && isEmpty(account.purse)) emptied.add(account.id);
      },
    };
  }

  function learn(deploymentId: string, runMs: number) {
    if (meanRunMs.size >= KEPT_MEANS) meanRunMs.clear();
    meanRunMs.set(deploymentId, learnMean(meanRunMs.get(deploymentId), runMs));
  }

  async function take(ask: HoldFor): Promise<Hold> {
    const account = purses.ofAccount(ask.accountId);
    await freshen(account, ask.tokenId);
    const token = () => (ask.tokenId === undefined ? undefined : purses.ofToken(account, ask.tokenId));
    const isFree = priceOf(ask.sku) === 0;
    if (!isFree && judgeStart(account, token()) !== undefined) await loadOrKeep(account);
    const refusal = isFree ? undefined : judgeStart(account, token());
    if (refusal === undefined) return hold(account, ask);
    // A token that has spent its share leaves the deployment to the account's other tokens.
    if (refusal !== 'token_limit') await deps.disable(ask);
    throw new ApiError(10001, describeRefusal(account, { refusal, token: token(), deploymentId: ask.deploymentId }));
  }

  return {
    take,
    restore: (ask) => hold(purses.ofAccount(ask.accountId), ask),
    async requireFunds(accountId) {
      const account = purses.ofAccount(accountId);
      await load(account);
      const refusal = judgeStart(account, undefined);
      if (refusal !== undefined) throw new ApiError(10001, describeRefusal(account, { refusal }));
    },
    async explain(accountId) {
      const account = purses.ofAccount(accountId);
      await freshen(account, undefined);
      return describeRefusal(account, { refusal: judgeStart(account, undefined) ?? 'was_low' });
    },
    forget(accountId) {
      const account = purses.ofAccount(accountId);
      account.loadedAt = undefined;
      account.changes += 1;
    },
    async refresh() {
      for (const account of purses.all()) if (account.holds > 0) await freshen(account, undefined);
    },
    chooseStops(overruns) {
      purses.clearOverruns();
      const drawnBy = overruns.map(({ hold, overrunMicrodollars }) => {
        const drawn = purses.drawnBy(hold);
        for (const purse of drawn) purse.overrun += overrunMicrodollars;
        return drawn;
      });
      return overruns.filter((_, index) => drawnBy[index]?.some(mustStopOverrun));
    },
    isEmpty(accountId) {
      const account = purses.ofAccount(accountId);
      return account.loadedAt !== undefined && isEmpty(account.purse);
    },
    takeEmptied() {
      const ids = [...emptied];
      emptied.clear();
      return ids;
    },
  };
}

const KEPT_MEANS = 20_000;

/** A deployment may name a SKU that the configuration has dropped since: the default catalogue's price is the best guess. */
function createPrices({ skus }: HardwareCatalogue): (sku: string) => number {
  const prices = new Map([...DEFAULT_HARDWARE, ...skus].map((sku) => [sku.sku, sku.pricePerHourMicrodollars]));
  return (sku) => prices.get(sku) ?? 0;
}
