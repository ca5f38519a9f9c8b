// A5, A6, A12: what the autoscaler costs and how long requests wait for it, on six traces, against a bound that knows the
// future and against the rules of others.
import { chooseFair } from '../choose.ts';
import type { Goal, Trial } from '../goal.ts';
import { boundBilledMs, runFixedKeepWarm } from '../keep-warm-bounds.ts';
import { MOST_INSTANCES, OTHER_SCALERS } from '../other-scalers.ts';
import { type Played, play } from '../play.ts';
import { createScaler, type Scaler } from '../scaler.ts';
import { mean, waitsOf } from '../statistics.ts';
import { type Job, makeTrace, SCALE_TRACES, type TraceName } from '../traces.ts';

export const COLD_START_MS = 60_000;
const KEEP_WARM_MS = 60_000;
const SERVICE_MS = 20_000;

export function ourScaler(): Scaler {
  const limits = { queueSize: 1, minInstances: 0, maxInstances: MOST_INSTANCES, keepWarmMs: KEEP_WARM_MS };
  return createScaler(limits, COLD_START_MS);
}

export function playScaling(jobs: readonly Job[], scaler: Scaler): Played {
  return play({ jobs, choose: chooseFair, scaler, coldStartMs: () => COLD_START_MS, runMs: SERVICE_MS });
}

interface Point {
  readonly cost: number;
  readonly waitS: number;
}

function pointOf(played: Played, jobs: readonly Job[], boundMs: number): Point {
  return { cost: played.fleet.billedMs / boundMs, waitS: mean(waitsOf(played, jobs)) / 1_000 };
}

const show = ({ cost, waitS }: Point) => `${cost.toFixed(2)}x, ${waitS.toFixed(1)} s`;

const billed: Goal = {
  id: 'A5',
  what: 'worst billed GPU time of 6 traces / clairvoyant',
  bar: 1.5,
  moonshot: 1.15,
  isLowerBetter: true,
  measure({ seed }) {
    const detail: Record<string, string> = {};
    const violations: string[] = [];
    let worst = 0;
    for (const name of [...SCALE_TRACES, 'adversarial'] as const) {
      const jobs = makeTrace(name, seed);
      const boundMs = boundBilledMs(jobs, COLD_START_MS);
      const played = playScaling(jobs, ourScaler());
      const ours = pointOf(played, jobs, boundMs);
      const fixed = runFixedKeepWarm(jobs, KEEP_WARM_MS, COLD_START_MS);
      detail[name] = `${show(ours)} (fixed 60 s rule: ${fixedPoint(fixed, boundMs)})`;
      violations.push(...played.violations);
      if (name === 'adversarial') {
        if (ours.cost > 2) violations.push(`${show(ours)} on adversarial gaps, where 2.0x is the most`);
        continue;
      }
      worst = Math.max(worst, ours.cost);
      if (ours.waitS * 1_000 > fixed.meanWaitMs) violations.push(`${name}: waits are longer than under the fixed rule`);
    }
    return { figure: worst, violations, detail };
  },
};

function fixedPoint({ billedMs, meanWaitMs }: { billedMs: number; meanWaitMs: number }, boundMs: number): string {
  return show({ cost: billedMs / boundMs, waitS: meanWaitMs / 1_000 });
}

const front: Goal = {
  id: 'A6',
  what: 'margin to the front of 15 other rules, least of 6 traces',
  bar: 1,
  moonshot: 1.001,
  isLowerBetter: false,
  measure(trial) {
    const detail: Record<string, string> = {};
    const violations: string[] = [];
    let least = Number.POSITIVE_INFINITY;
    for (const name of SCALE_TRACES) {
      const { ours, others } = compareOn(name, trial, violations);
      const margin = marginOf(ours, others);
      least = Math.min(least, margin);
      detail[name] = `${show(ours)}, margin ${margin.toFixed(2)}`;
    }
    return { figure: least, violations, detail };
  },
};

function compareOn(name: TraceName, trial: Trial, violations: string[]): { ours: Point; others: Point[] } {
  const jobs = makeTrace(name, trial.seed).slice(0, trial.jobs);
  const boundMs = boundBilledMs(jobs, COLD_START_MS);
  const run = (scaler: Scaler) => {
    const played = playScaling(jobs, scaler);
    violations.push(...played.violations.map((text) => `${name}: ${text}`));
    return pointOf(played, jobs, boundMs);
  };
  return { ours: run(ourScaler()), others: OTHER_SCALERS.map(({ create }) => run(create())) };
}

const MIX_STEPS = 10;

/** By how much every other rule, and every mixture of two of them, is worse in cost or in wait; below 1: one is better in both. */
function marginOf(ours: Point, others: readonly Point[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const a of others) {
    for (const b of others) {
      for (let step = 0; step <= MIX_STEPS; step += 1) {
        const share = step / MIX_STEPS;
        const cost = share * a.cost + (1 - share) * b.cost;
        const waitS = share * a.waitS + (1 - share) * b.waitS;
        least = Math.min(least, Math.max(cost / ours.cost, waitS / ours.waitS));
      }
    }
  }
  return least;
}

const overStart: Goal = {
  id: 'A12',
  what: 'instances started for nothing, spikes / Knative KPA',
  bar: 1,
  moonshot: 0.1,
  isLowerBetter: true,
  measure({ seed }) {
    const knative = OTHER_SCALERS.find(({ name }) => name === 'Knative KPA window 60 s');
    const counts = { ours: 0, theirs: 0 };
    const violations: string[] = [];
    for (const name of ['spike', 'bursts'] as const) {
      const jobs = makeTrace(name, seed);
      const ours = playScaling(jobs, ourScaler());
      counts.ours += ours.fleet.unusedStarts;
      if (knative) counts.theirs += playScaling(jobs, knative.create()).fleet.unusedStarts;
      violations.push(...ours.violations);
    }
    return { figure: counts.ours / Math.max(1, counts.theirs), violations, detail: counts };
  },
};

export const SCALING_GOALS: readonly Goal[] = [billed, front, overStart];
