// A1 to A4: what looking at loaded models is worth, against a central queue that does not, and how long it lets wait.
import { createAffinityChoice } from '../choose.ts';
import type { Goal } from '../goal.ts';
import { dispatchByRule } from '../other-dispatchers.ts';
import { type Played, play } from '../play.ts';
import { createFixedFleet } from '../scaler.ts';
import { latenciesOf, longest, mean, quantile, waitsOf } from '../statistics.ts';
import { type Job, makeLoad } from '../traces.ts';

const INSTANCES = 16;

interface Workload {
  readonly modelSets: number;
  readonly slots: number;
  readonly serviceMs: number;
  readonly loadMs: number;
}

/** One set fits, 12 exist. */
export const ONE_SET: Workload = { modelSets: 12, slots: 1, serviceMs: 20_000, loadMs: 20_000 };
/** Two sets fit, 40 exist. */
export const TWO_SETS: Workload = { modelSets: 40, slots: 2, serviceMs: 5_000, loadMs: 15_000 };

export function makeJobs(workload: Workload, of: { seed: number; count: number; load: number }): Job[] {
  const service = { kind: 'uniform', meanMs: workload.serviceMs } as const;
  return makeLoad({ ...of, instances: INSTANCES, service, modelSets: workload.modelSets });
}

export function playAffinity(jobs: readonly Job[], { slots, loadMs, serviceMs }: Workload): Played {
  return play({
    jobs,
    choose: createAffinityChoice(),
    scaler: createFixedFleet(INSTANCES),
    coldStartMs: () => 0,
    runMs: serviceMs,
    models: { slots, loadMs },
    stopWhenDone: true,
    scaleEveryMs: Number.POSITIVE_INFINITY,
  });
}

export function playCentralQueue(jobs: readonly Job[], { slots, loadMs }: Workload) {
  return dispatchByRule(jobs, 'central queue', { instances: INSTANCES, slots, loadMs, seed: 0 });
}

const latency: Goal = {
  id: 'A1',
  what: 'mean latency at load 0.45 / central FIFO',
  bar: 0.75,
  moonshot: 0.62,
  isLowerBetter: true,
  measure({ seed, jobs: count = 30_000 }) {
    const jobs = makeJobs(ONE_SET, { seed, count, load: 0.45 });
    const ours = playAffinity(jobs, ONE_SET);
    const fifo = playCentralQueue(jobs, ONE_SET);
    const latencies = latenciesOf(ours, jobs);
    const isTailLonger = quantile(latencies, 0.99) > quantile(fifo.latencyMs, 0.99);
    return {
      missesMoonshot: isTailLonger ? "p99 is to be no longer than FIFO's" : undefined,
      figure: mean(latencies) / mean(fifo.latencyMs),
      violations: ours.violations,
      detail: {
        meanS: mean(latencies) / 1_000,
        p99S: quantile(latencies, 0.99) / 1_000,
        fifoMeanS: mean(fifo.latencyMs) / 1_000,
        fifoP99S: quantile(fifo.latencyMs, 0.99) / 1_000,
        loadsPerJob: ours.loads / count,
      },
    };
  },
};

const stability: Goal = {
  id: 'A2',
  what: 'highest stable load / central FIFO',
  bar: 1.2,
  moonshot: 1.6,
  isLowerBetter: false,
  measure({ seed, jobs: count = 100_000 }) {
    const violations: string[] = [];
    const isStable = (load: number) => {
      const jobs = makeJobs(ONE_SET, { seed, count, load });
      const ours = playAffinity(jobs, ONE_SET);
      violations.push(...ours.violations);
      return !drifts(waitsOf(ours, jobs));
    };
    const isFifoStable = (load: number) => {
      const jobs = makeJobs(ONE_SET, { seed, count, load });
      return !drifts(playCentralQueue(jobs, ONE_SET).waitMs);
    };
    const ours = bisect(isStable, { low: 0.6, high: 1, steps: 4 });
    const fifo = bisect(isFifoStable, { low: 0.3, high: 0.7, steps: 6 });
    return { figure: ours / fifo, violations, detail: { ours, fifo, jobs: count } };
  },
};

/** The second half waits for clearly longer than the first, and by more than a few runs. */
function drifts(waitMs: Float64Array): boolean {
  const tenth = Math.floor(waitMs.length / 10);
  const early = mean(waitMs.subarray(tenth, 5 * tenth));
  const late = mean(waitMs.subarray(6 * tenth));
  return late > 1.5 * early && late - early > 2 * ONE_SET.serviceMs;
}

function bisect(isStable: (load: number) => boolean, of: { low: number; high: number; steps: number }): number {
  let { low, high } = of;
  for (let step = 0; step < of.steps; step += 1) {
    const middle = (low + high) / 2;
    if (isStable(middle)) low = middle;
    else high = middle;
  }
  return low;
}

// Only where more sets exist than fit into all instances together does Belady say anything: 12 sets in 16 slots are 12
// loads for ever. Belady may be given the order in which requests came or the one in which they ran, which is easier for
// it when the rule puts requests with the same models together: the figure is the worse of both.
const loads: Goal = {
  id: 'A3',
  what: 'loads per job, 40 sets / Belady with all slots pooled',
  bar: 2,
  moonshot: 1.25,
  isLowerBetter: true,
  measure({ seed, jobs: count = 30_000 }) {
    const jobs = makeJobs(TWO_SETS, { seed, count, load: 0.35 });
    const ours = playAffinity(jobs, TWO_SETS);
    const startOf = (index: number) => ours.startedAt[index] ?? 0;
    const came = jobs.map(({ models }) => models);
    const ran = [...jobs.keys()].sort((a, b) => startOf(a) - startOf(b)).map((index) => came[index] ?? 0);
    const slots = INSTANCES * TWO_SETS.slots;
    const [asTheyCame, asTheyRan] = [countBeladyLoads(came, slots), countBeladyLoads(ran, slots)];
    const latencies = latenciesOf(ours, jobs);
    const detail = {
      loadsPerJob: ours.loads / count,
      beladyLoadsPerJob: asTheyRan / count,
      overBeladyAsTheyCame: ours.loads / asTheyCame,
      overBeladyAsTheyRan: ours.loads / asTheyRan,
      mostPopularPinned: countPinnedLoads(came, slots) / asTheyCame,
      meanS: mean(latencies) / 1_000,
      p99S: quantile(latencies, 0.99) / 1_000,
    };
    return { figure: ours.loads / Math.min(asTheyCame, asTheyRan), violations: ours.violations, detail };
  },
};

/** Loads of a cache that knows how popular each set is, keeps one of each but the rarest, and never lets anybody wait. */
function countPinnedLoads(order: readonly number[], slots: number): number {
  const rare = order.filter((models) => models >= slots - 1);
  return slots - 1 + rare.filter((models, index) => models !== rare[index - 1]).length;
}

/** Drops what is needed furthest in the future. */
export function countBeladyLoads(order: readonly number[], slots: number): number {
  const nextUse = new Array<number>(order.length).fill(Number.POSITIVE_INFINITY);
  const seen = new Map<number, number>();
  for (let index = order.length - 1; index >= 0; index -= 1) {
    const models = order[index] ?? 0;
    nextUse[index] = seen.get(models) ?? Number.POSITIVE_INFINITY;
    seen.set(models, index);
  }
  const loaded = new Map<number, number>();
  let count = 0;
  for (const [index, models] of order.entries()) {
    if (!loaded.has(models)) {
      count += 1;
      if (loaded.size >= slots) {
        const [furthest] = [...loaded].sort(([, a], [, b]) => b - a);
        loaded.delete(furthest?.[0] ?? 0);
      }
    }
    loaded.set(models, nextUse[index] ?? 0);
  }
  return count;
}

const starvation: Goal = {
  id: 'A4',
  what: 'longest wait / longest under central FIFO, load 0.45',
  bar: 3,
  moonshot: 1.2,
  isLowerBetter: true,
  measure({ seed, jobs: count = 30_000 }) {
    const jobs = makeJobs(ONE_SET, { seed, count, load: 0.45 });
    const ours = playAffinity(jobs, ONE_SET);
    const [ourWait, fifoWait] = [longest(waitsOf(ours, jobs)), longest(playCentralQueue(jobs, ONE_SET).waitMs)];
    const detail = { longestS: ourWait / 1_000, fifoLongestS: fifoWait / 1_000 };
    return { figure: ourWait / fifoWait, violations: ours.violations, detail };
  },
};

export const AFFINITY_GOALS: readonly Goal[] = [latency, stability, loads, starvation];
