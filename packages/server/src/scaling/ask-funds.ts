// Asks whether the accounts of a pool can pay for instances that no request waits for, and keeps the answer in the pool's
// record. Called by judge.ts where a decision says so; what follows from the answer: funds.pure.ts.
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { type Funds, noteAnswer, noteAsked, noteFailure } from './funds.pure.ts';
import type { PoolRecord } from './pool-records.ts';

/** One that cannot has its deployments disabled before the answer comes: that is an edit, and closes the pool. */
export type CanPay = (accountId: string) => Promise<boolean>;

export interface FundsDeps {
  /** Whether an account can pay for instances that no request asked for. Undefined when billing is off. */
  readonly canPay: CanPay | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export function askFunds({ canPay, clock, log }: FundsDeps, pool: PoolRecord, onAnswer: () => void): void {
  if (canPay === undefined) return;
  const asked = noteAsked(pool.funds, clock.now());
  pool.funds = asked;
  const keep = (funds: Funds) => {
    // Forgotten meanwhile, or asked anew: this answer is older than what made it so.
    if (pool.funds !== asked) return;
    pool.funds = funds;
    onAnswer();
  };
  canAllPay(canPay, pool).then(
    (isPaid) => keep(noteAnswer(isPaid, clock.now())),
    (error) => {
      log.warn(describeError(error), 'whether an account can pay for instances could not be asked; trying again');
      keep(noteFailure(asked, clock.now()));
    },
  );
}

async function canAllPay(canPay: CanPay, { members }: PoolRecord): Promise<boolean> {
  const accounts = new Set([...members.values()].map(({ accountId }) => accountId));
  const answers = await Promise.all([...accounts].map((accountId) => canPay(accountId)));
  return answers.every(Boolean);
}
