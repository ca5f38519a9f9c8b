// One look at a pool: gather → decide → act, and what is learned by it. Called by loop.ts.
import { describeError } from '../telemetry/log.ts';
import { type ActDeps, act } from './act.ts';
import { isAtRest } from './at-rest.pure.ts';
import type { ColdStarts } from './cold-starts.ts';
import { decideScale, type ScaleDecision, type ScaleState } from './decide.pure.ts';
import { gatherState } from './gather.pure.ts';
import { learnDecision, learnUses } from './learn.pure.ts';
import type { PoolRecord } from './members.ts';
import { type SeamDeps, seePool } from './see-pool.ts';
import { settleWarmUp } from './warm-up.pure.ts';

export interface JudgeDeps extends ActDeps, SeamDeps {
  readonly coldStarts: ColdStarts;
  /** Whether an account can pay for instances that no request asked for. Undefined when billing is off. */
  readonly canPay: ((accountId: string) => Promise<boolean>) | undefined;
}

/** Whether an account can pay is asked again after this. */
const FUNDED_MS = 30_000;
/** What could not be read (the database was away) is read again. */
export const AGAIN_MS = 1_000;

/** Gives when to look again if nothing happens. */
export function judge(deps: JudgeDeps, pool: PoolRecord, touch: (key: string) => void): number | undefined {
  const now = deps.clock.now();
  const seen = seePool(deps, pool);
  pool.warmUp = settleWarmUp(pool.warmUp, seen, now);
  const state = gatherState(seen.members, seen.instances, {
    coldStartMs: deps.coldStarts.of(pool.key),
    memory: pool.learned.memory,
    failedStarts: pool.failed,
    warmUp: pool.warmUp,
    room: seen.room,
  });
  pool.learned = learnUses(pool.learned, state.instances, now);
  const whole = decideScale({ ...state, memory: pool.learned.memory }, now);
  const decision = isPaidFor(deps, pool, { state, decision: whole, touch }) ? whole : { ...whole, start: 0 };
  pool.learned = learnDecision(pool.learned, state.instances, { decision, now });
  pool.last = { decision, at: now };
  pool.isAtRest = isAtRest({ ...seen, isWarmingUp: pool.warmUp !== undefined });
  act(deps, pool, { decision, seen });
  return decision.checkAt;
}

/** What requests ask for has its funds reserved; before more than that is started, the account is asked. */
function isPaidFor(
  { canPay, clock, log }: JudgeDeps,
  pool: PoolRecord,
  of: { state: ScaleState; decision: ScaleDecision; touch: (key: string) => void },
): boolean {
  const { state, decision, touch } = of;
  if (canPay === undefined || decision.start === 0 || state.waiting > 0) return true;
  if (clock.now() - pool.fundedAt < FUNDED_MS) return true;
  const accounts = new Set([...pool.members.values()].map(({ accountId }) => accountId));
  Promise.all([...accounts].map((accountId) => canPay(accountId)))
    .then((answers) => {
      // One that cannot has its deployments disabled by that: the edit wakes this loop.
      if (!answers.every(Boolean)) return;
      pool.fundedAt = clock.now();
      touch(pool.key);
    })
    .catch((error) => {
      log.warn(describeError(error), 'the funds for a minimum of instances could not be read; trying again');
      setTimeout(() => touch(pool.key), AGAIN_MS).unref();
    });
  return false;
}
