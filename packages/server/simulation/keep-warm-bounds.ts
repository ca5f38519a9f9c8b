// The fixed keep-warm rule, where each cold job starts its own instance, and the clairvoyant bound that nobody can beat
// without letting jobs queue: what the autoscaler's cost is measured against.
import type { Job } from './traces.ts';

export interface CostAndWait {
  readonly billedMs: number;
  readonly meanWaitMs: number;
}

/** Jobs never queue: one that finds no idle instance waits for its own start. The instance used last is used first. */
export function runFixedKeepWarm(jobs: readonly Job[], keepWarmMs: number, coldStartMs: number): CostAndWait {
  let billedMs = 0;
  let waitMs = 0;
  let freeAt: number[] = [];
  for (const { at, serviceMs } of jobs) {
    const warm = freeAt.filter((from) => from <= at && at <= from + keepWarmMs);
    const best = Math.max(...warm);
    billedMs += serviceMs;
    if (warm.length > 0) {
      freeAt.splice(freeAt.indexOf(best), 1, at + serviceMs);
      billedMs += at - best;
    } else {
      freeAt.push(at + coldStartMs + serviceMs);
      billedMs += coldStartMs;
      waitMs += coldStartMs;
    }
    const gone = freeAt.filter((from) => from + keepWarmMs < at).length;
    billedMs += gone * keepWarmMs;
    freeAt = freeAt.filter((from) => from + keepWarmMs >= at);
  }
  billedMs += freeAt.length * keepWarmMs;
  return { billedMs, meanWaitMs: waitMs / Math.max(1, jobs.length) };
}

/** Knows all arrivals: service, and before each job the smaller of the gap since an instance became free and a start. */
export function boundBilledMs(jobs: readonly Job[], coldStartMs: number): number {
  let billedMs = 0;
  let freeAt: number[] = [];
  for (const { at, serviceMs } of jobs) {
    const last = Math.max(...freeAt.filter((from) => from <= at));
    billedMs += serviceMs + Math.min(at - last, coldStartMs);
    if (Number.isFinite(last)) freeAt.splice(freeAt.indexOf(last), 1);
    freeAt = freeAt.filter((from) => from + coldStartMs > at);
    freeAt.push(at + serviceMs);
  }
  return billedMs;
}
