// One look at a pool: gather → decide → act, and what is learned by it. Called by loop.ts.
import { type ActDeps, act } from './act.ts';
import { askFunds, type FundsDeps } from './ask-funds.ts';
import { isAtRest } from './at-rest.pure.ts';
import type { ColdStarts } from './cold-starts.ts';
import { combineMembers } from './combine-members.pure.ts';
import { decideScale } from './decide.pure.ts';
import { learnDecision, learnUses } from './learn.pure.ts';
import { decideLeaves } from './leave.pure.ts';
import type { PoolRecord } from './pool-records.ts';
import { type SeamDeps, seePool } from './see-pool.ts';
import { settleWarmUp } from './warm-up.pure.ts';

export interface JudgeDeps extends ActDeps, SeamDeps, FundsDeps {
  readonly coldStarts: ColdStarts;
}

/** Gives when to look again if nothing happens; what happens later asks for it with `lookAgain`. */
export function judge(deps: JudgeDeps, pool: PoolRecord, lookAgain: () => void): number | undefined {
  const now = deps.clock.now();
  const seen = seePool(deps, pool);
  pool.warmUp = settleWarmUp(pool.warmUp, seen, now);
  const state = combineMembers(seen.members, seen.instances, {
    coldStartMs: deps.coldStarts.of(pool.key),
    memory: pool.learned.memory,
    failedStarts: pool.failed,
    warmUp: pool.warmUp,
    room: seen.room,
    funds: deps.canPay && pool.funds,
  });
  pool.learned = learnUses(pool.learned, state.instances, now);
  const decision = decideScale({ ...state, memory: pool.learned.memory }, now);
  pool.learned = learnDecision(pool.learned, state.instances, { decision, now });
  pool.last = { decision, at: now };
  pool.isAtRest = isAtRest({ ...seen, isWarmingUp: pool.warmUp !== undefined });
  if (decision.asksFunds) askFunds(deps, pool, lookAgain);
  act(deps, pool, { decision, leaves: decideLeaves(seen.instances, decision.drain), seen });
  return decision.checkAt;
}
