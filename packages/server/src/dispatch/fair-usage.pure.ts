// What each account has used, as affinity.pure.ts is to see it where models matter. Pure; place-models.ts wraps the board's
// usage in it. Elsewhere runs are mostly short, and a step of 20 s would let a flood of them pass first: assign.pure.ts is
// given the board's usage as it is (docs/simulation.md).
//
// Runs that go on count with the time they have taken so far: counted only at their end, an account of long runs is always
// thought to have used less than it holds, and gets up to twice its share. And small differences are none: accounts
// within the same step go first come, first served, so that those who use little do not wait for one another's turn.
import type { AccountUsage } from './assign.pure.ts';

/** About 20 s of instance time within usage's half-life of a minute. */
const STEP_MS = 20_000;

/** `runningMs`: by account, the time that its present runs have taken. */
export function fairUsage(usage: AccountUsage, runningMs: ReadonlyMap<string, number>): AccountUsage {
  return {
    usedMs: (accountId) => {
      const usedMs = usage.usedMs(accountId) + (runningMs.get(accountId) ?? 0);
      return Math.floor(usedMs / STEP_MS) * STEP_MS;
    },
  };
}
