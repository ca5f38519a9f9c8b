// A11: the estimate that a request is given when it is submitted, against position × mean / instances. The instances come
// while requests wait, so most estimates are made during a scale-up.

import { estimate, remaining } from '../../src/dispatch/eta.pure.ts';
import { chooseFair } from '../choose.ts';
import type { Fleet } from '../fleet.ts';
import type { Goal } from '../goal.ts';
import { play } from '../play.ts';
import { createScaler } from '../scaler.ts';
import { quantile } from '../statistics.ts';
import { type Job, makeTrace } from '../traces.ts';
import { COLD_START_MS } from './scaling.ts';

/** Runs take 10 to 30 s: what the product would have learned. */
const RUN = { meanMs: 20_000, variance: 20_000 ** 2 / 12 };
const WEIGHT = 39;

interface Estimate {
  readonly index: number;
  readonly meanMs: number;
  readonly lowMs: number;
  readonly highMs: number;
  readonly naiveMs: number;
}

const eta: Goal = {
  id: 'A11',
  what: 'median error of the ETA at submit / naive',
  bar: 0.7,
  moonshot: 0.35,
  isLowerBetter: true,
  measure({ seed }) {
    const errors: { ours: number[]; naive: number[]; covered: number } = { ours: [], naive: [], covered: 0 };
    const violations: string[] = [];
    for (const name of ['diurnal', 'step', 'spike', 'bursts'] as const) {
      const jobs = makeTrace(name, seed);
      violations.push(...judge(jobs, errors));
    }
    const coverage = (100 * errors.covered) / errors.ours.length;
    if (coverage < 80 || coverage > 97) violations.push(`the 90 % interval holds ${coverage.toFixed(1)} %`);
    const [ours, naive] = [quantile(errors.ours, 0.5), quantile(errors.naive, 0.5)];
    const missesMoonshot = coverage < 88 || coverage > 92 ? 'the 90 % interval is to hold 88 to 92 %' : undefined;
    const detail = { medianErrorS: ours / 1_000, naiveMedianErrorS: naive / 1_000, coveragePercent: coverage };
    return { figure: ours / naive, violations, missesMoonshot, detail };
  },
};

function judge(jobs: readonly Job[], errors: { ours: number[]; naive: number[]; covered: number }): readonly string[] {
  const estimates: Estimate[] = [];
  const limits = { queueSize: 1, minInstances: 0, maxInstances: 8, keepWarmMs: 60_000 };
  const played = play({
    jobs,
    choose: chooseFair,
    scaler: createScaler(limits, COLD_START_MS),
    coldStartMs: () => COLD_START_MS,
    runMs: RUN.meanMs,
    onSubmitted: (fleet, index) => {
      const made = estimateFor(fleet, index);
      if (made) estimates.push(made);
    },
  });
  for (const { index, meanMs, lowMs, highMs, naiveMs } of estimates) {
    const tookMs = (played.endedAt[index] ?? 0) - (jobs[index]?.at ?? 0);
    errors.ours.push(Math.abs(tookMs - meanMs));
    errors.naive.push(Math.abs(tookMs - naiveMs));
    if (tookMs >= lowMs && tookMs <= highMs) errors.covered += 1;
  }
  return played.violations;
}

/** Of a request that has to wait, once the scaler has heard of it. */
function estimateFor(fleet: Fleet, index: number): Estimate | undefined {
  if (fleet.waiting === 0) return undefined;
  const ahead = fleet.waiting - 1;
  const busy = fleet.instances.map(({ phase, since, job, jobSince }) => {
    if (phase === 'starting') return { meanMs: since + COLD_START_MS - fleet.now, variance: 0 };
    return job < 0 ? { meanMs: 0, variance: 0 } : remaining(RUN, fleet.now - jobSince);
  });
  if (busy.length === 0) return undefined;
  const work = { meanMs: ahead * RUN.meanMs, variance: ahead * RUN.variance };
  const made = estimate({ busy, ahead, work, own: RUN, weight: WEIGHT });
  const ready = fleet.instances.filter(({ phase }) => phase === 'ready').length;
  return { index, ...made, naiveMs: ((ahead + 1) * RUN.meanMs) / Math.max(1, ready) };
}

export const ETA_GOALS: readonly Goal[] = [eta];
