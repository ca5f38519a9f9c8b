// The gate for money, made by create-billing.ts when billing is on: submit.ts takes a hold before it accepts a request, finish.ts
// settles it (the policy is in hold.pure.ts). A fresh account costs a submit no query: balances are read again after a
// second, and always before anybody is refused. With N processes on one database each reserves for itself.
import { ApiError, DEFAULT_HARDWARE, type HardwareCatalogue } from '@comfleet/api';
import type { Queryable } from '../db/database.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeRefusal, judgeStart } from './funds-words.pure.ts';
import { expectRunMs, isEmpty, learnMean, mustStopOverrun, reserveFor } from './hold.pure.ts';
import { type AccountFunds, Purses } from './purses.ts';

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

export interface Overrun {
  readonly hold: Hold;
  readonly overrunMicrodollars: number;
}

interface Deps {
  readonly db: Queryable;
  readonly clock: Clock;
  readonly hardware: HardwareCatalogue;
  readonly runTimeoutMs: number;
  /** Disables a deployment. */
  readonly disable: (of: { accountId: string; deploymentId: string }) => Promise<void>;
}

const KEPT_MEANS = 20_000;

export class Funds {
  readonly #deps: Deps;
  readonly #purses: Purses;
  readonly #priceOf: (sku: string) => number;
  readonly #meanRunMs = new Map<string, number>();
  readonly #emptied = new Set<string>();

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#purses = new Purses(deps);
    this.#priceOf = createPrices(deps.hardware);
  }

  /** Throws 10001, having disabled what the account can no longer pay for. */
  async take(ask: HoldFor): Promise<Hold> {
    const purses = this.#purses;
    const account = purses.ofAccount(ask.accountId);
    if (this.#priceOf(ask.sku) === 0) return this.#hold(account, ask);
    await purses.freshen(account, ask.tokenId);
    const judge = () => judgeStart(account, this.#tokenOf(account, ask));
    if (judge() !== undefined) await purses.loadOrKeep(account);
    const refusal = judge();
    if (refusal === undefined) return this.#hold(account, ask);
    // A token that has spent its share leaves the deployment to the account's other tokens.
    const { accountId, deploymentId } = ask;
    const isDisabled = refusal !== 'token_limit';
    if (isDisabled) await this.#deps.disable({ accountId, deploymentId });
    throw new ApiError(10001, describeRefusal(account, { refusal, token: this.#tokenOf(account, ask), deploymentId }));
  }

  /** After a restart: the request was accepted before, so nobody asks whether it may be. */
  restore(ask: HoldFor): Hold {
    return this.#hold(this.#purses.ofAccount(ask.accountId), ask);
  }

  /** Throws 10001 while the account has nothing to spend. Before a deployment is enabled. */
  async requireFunds(accountId: string): Promise<void> {
    const account = this.#purses.ofAccount(accountId);
    await this.#purses.load(account);
    const refusal = judgeStart(account, undefined);
    if (refusal !== undefined) throw new ApiError(10001, describeRefusal(account, { refusal }));
  }

  /** Why a deployment of the account is disabled and what to do, with the balance. */
  async explain(accountId: string): Promise<string> {
    const account = this.#purses.ofAccount(accountId);
    await this.#purses.freshen(account, undefined);
    return describeRefusal(account, { refusal: judgeStart(account, undefined) ?? 'was_low' });
  }

  /** Funds or limits were changed in the database. */
  forget(accountId: string): void {
    this.#purses.forget(accountId);
  }

  /** Reads again what live requests draw from. */
  async refresh(): Promise<void> {
    for (const account of this.#purses.all()) {
      if (account.holds > 0) await this.#purses.freshen(account, undefined);
    }
  }

  /** Of the runs that have used more than they reserved, those that nothing is left for. */
  chooseStops(overruns: readonly Overrun[]): Overrun[] {
    this.#purses.clearOverruns();
    for (const { hold, overrunMicrodollars } of overruns) {
      for (const purse of this.#purses.drawnBy(hold)) purse.overrun += overrunMicrodollars;
    }
    return overruns.filter(
      // What could not be read yet since a start is not known to be nothing.
      ({ hold }) => this.#purses.isKnown(hold) && this.#purses.drawnBy(hold).some(mustStopOverrun),
    );
  }

  /** Whether the account's money is used up, as far as it is known. */
  isEmpty(accountId: string): boolean {
    return this.#purses.isKnown({ accountId }) && isEmpty(this.#purses.ofAccount(accountId).purse);
  }

  /** Accounts whose money a charge used up since the last call. */
  takeEmptied(): string[] {
    const ids = [...this.#emptied];
    this.#emptied.clear();
    return ids;
  }

  #tokenOf(account: AccountFunds, { tokenId }: HoldFor) {
    return tokenId === undefined ? undefined : this.#purses.ofToken(account, tokenId);
  }

  #hold(account: AccountFunds, ask: HoldFor): Hold {
    const drawn = this.#purses.drawnBy(ask);
    const pricePerHourMicrodollars = this.#priceOf(ask.sku);
    const runMs = expectRunMs(this.#meanRunMs.get(ask.deploymentId), this.#deps.runTimeoutMs);
    const reservedMicrodollars = reserveFor(runMs, pricePerHourMicrodollars);
    for (const purse of drawn) purse.reserved += reservedMicrodollars;
    account.holds += 1;
    let isSettled = false;
    return {
      ...ask,
      pricePerHourMicrodollars,
      reservedMicrodollars,
      settle: ({ chargedMicrodollars, runMs }) => {
        if (isSettled) return;
        isSettled = true;
        account.holds -= 1;
        for (const purse of drawn) {
          purse.reserved -= reservedMicrodollars;
          purse.charged += chargedMicrodollars;
        }
        if (runMs !== undefined) this.#learn(ask.deploymentId, runMs);
        if (chargedMicrodollars > 0 && isEmpty(account.purse)) this.#emptied.add(account.id);
      },
    };
  }

  #learn(deploymentId: string, runMs: number): void {
    if (this.#meanRunMs.size >= KEPT_MEANS) this.#meanRunMs.clear();
    this.#meanRunMs.set(deploymentId, learnMean(this.#meanRunMs.get(deploymentId), runMs));
  }
}

/** A deployment may name a SKU that the configuration has dropped since: the default catalogue's price is the best guess. */
function createPrices({ skus }: HardwareCatalogue): (sku: string) => number {
  const prices = new Map([...DEFAULT_HARDWARE, ...skus].map((sku) => [sku.sku, sku.pricePerHourMicrodollars]));
  return (sku) => prices.get(sku) ?? 0;
}
