// Plays the baselines that were published with the goals again, so that figures against them can be trusted: each line is
// what this simulator gives beside what was published. Called by main.ts and the tests.
import { makeJobs, ONE_SET, playAffinity, TWO_SETS } from './goals/affinity.ts';
import { isQuiet, makeFlood, playFair } from './goals/fairness.ts';
import { makeFleetLoad } from './goals/fleet.ts';
import { COLD_START_MS } from './goals/scaling.ts';
import { boundBilledMs, runFixedKeepWarm } from './keep-warm-bounds.ts';
import { dispatchByRule, type Rule } from './other-dispatchers.ts';
import { latenciesOf, longest, mean, quantile, waitsOf } from './statistics.ts';
import { makeTrace, type TraceName } from './traces.ts';

export interface Baseline {
  readonly name: string;
  readonly figures: readonly number[];
  readonly published: readonly number[];
}

const RULES = ['random', 'shortest queue', 'central queue'] as const;

/** Mean and p99 latency in seconds, loads per job. */
const AFFINITY: Record<string, Record<(typeof RULES)[number], readonly number[]>> = {
  '0.30': { random: [60.8, 188, 0.84], 'shortest queue': [36.8, 50, 0.83], 'central queue': [36.8, 50, 0.84] },
  '0.45': { random: [142, 687, 0.84], 'shortest queue': [39.5, 65, 0.83], 'central queue': [39.5, 65, 0.84] },
};

export function playAffinityBaselines(seed: number): Baseline[] {
  const rows: Baseline[] = [];
  for (const [load, published] of Object.entries(AFFINITY)) {
    const jobs = makeJobs(ONE_SET, { seed, count: 30_000, load: Number(load) });
    for (const rule of RULES) {
      const { latencyMs, loads } = dispatchByRule(jobs, rule, {
        instances: 16,
        slots: 1,
        loadMs: ONE_SET.loadMs,
        seed,
      });
      const figures = [mean(latencyMs) / 1_000, quantile(latencyMs, 0.99) / 1_000, loads / jobs.length];
      rows.push({ name: `affinity ${load} ${rule}`, figures, published: published[rule] });
    }
  }
  const jobs = makeJobs(TWO_SETS, { seed, count: 30_000, load: 0.35 });
  const { latencyMs } = dispatchByRule(jobs, 'central queue', {
    instances: 16,
    slots: 2,
    loadMs: TWO_SETS.loadMs,
    seed,
  });
  rows.push({ name: 'affinity, two sets fit, central queue', figures: [mean(latencyMs) / 1_000], published: [3_950] });
  return rows;
}

/** The published rule weighed delays as ours does, and no loads beyond that: ours is to be near it, not equal. */
const OWN_AFFINITY: Record<string, readonly number[]> = {
  '0.30': [23.8, 48, 0.09],
  '0.45': [26.8, 49, 0.18],
  '0.60': [32, 60, 0.3],
};

function playOwnAffinity(seed: number): Baseline[] {
  const rows = Object.entries(OWN_AFFINITY).map(([load, published]) => {
    const jobs = makeJobs(ONE_SET, { seed, count: 30_000, load: Number(load) });
    const played = playAffinity(jobs, ONE_SET);
    const latencyMs = latenciesOf(played, jobs);
    const figures = [mean(latencyMs) / 1_000, quantile(latencyMs, 0.99) / 1_000, played.loads / jobs.length];
    return { name: `affinity ${load} our rule`, figures, published };
  });
  const jobs = makeJobs(TWO_SETS, { seed, count: 30_000, load: 0.35 });
  const figures = [mean(latenciesOf(playAffinity(jobs, TWO_SETS), jobs)) / 1_000];
  return [...rows, { name: 'affinity, two sets fit, our rule', figures, published: [10] }];
}

/** Cost over the clairvoyant's and mean wait in seconds, for 0, 10, 60, 300 and 1,200 s. */
const KEEP_WARM_S = [0, 10, 60, 300, 1_200];
const KEEP_WARM: [TraceName, readonly number[]][] = [
  ['poisson', [1.52, 60, 1.39, 45, 1.37, 20, 1.7, 4.4, 2.11, 0.9]],
  ['bursts', [1.55, 60, 1.53, 50, 2.2, 46, 4.85, 36, 9.94, 18]],
  ['diurnal', [1.64, 60, 1.4, 40, 1.41, 19, 1.82, 5.4, 2.31, 0.8]],
];

export function playKeepWarmBaselines(seed: number): Baseline[] {
  return KEEP_WARM.map(([trace, published]) => {
    const jobs = makeTrace(trace, seed);
    const boundMs = boundBilledMs(jobs, COLD_START_MS);
    const figures = KEEP_WARM_S.flatMap((keepWarmS) => {
      const { billedMs, meanWaitMs } = runFixedKeepWarm(jobs, keepWarmS * 1_000, COLD_START_MS);
      return [billedMs / boundMs, meanWaitMs / 1_000];
    });
    return { name: `keep-warm ${trace}`, figures, published };
  });
}

/** Mean and p99 wait of the quiet accounts, and when all is done, in seconds. */
export function playFairnessBaselines(seed: number): Baseline[] {
  const jobs = makeFlood({ seed, quietAccounts: 10, floodJobs: 5_000, instances: 8 });
  const fifo = dispatchByRule(jobs, 'central queue', { instances: 8, slots: 1, loadMs: 0, seed });
  const fair = playFair(jobs, 8);
  const seconds = (waitMs: ArrayLike<number>, endMs: number) =>
    [mean(waitMs), quantile(waitMs, 0.99), endMs].map((ms) => ms / 1_000);
  const fifoEnd = longest(fifo.latencyMs.map((ms, index) => ms + (jobs[index]?.at ?? 0)));
  const fifoQuiet = fifo.waitMs.filter((_, index) => (jobs[index]?.account ?? 0) > 0);
  return [
    { name: 'fairness FIFO', figures: seconds(fifoQuiet, fifoEnd), published: [600, 1_241, 1_564] },
    {
      name: 'fairness round robin',
      figures: seconds(waitsOf(fair, jobs, isQuiet), longest(fair.endedAt)),
      published: [0.5, 1.3, 1_564],
    },
  ];
}

/** Mean wait in mean service times, at load 0.8 and 0.95. */
const FLEET: Partial<Record<Rule, readonly number[]>> = {
  random: [3.9, 13.5],
  'round robin': [1.66, 7.4],
  'two choices': [0.6, 1.57],
  'central queue': [0, 0.0009],
};

export function playFleetBaselines(seed: number, count: number): Baseline[] {
  const loads = [0.8, 0.95].map((load) => makeFleetLoad({ seed, count, load }));
  return (Object.keys(FLEET) as Rule[]).map((rule) => {
    const figures = loads.map((jobs) => {
      return mean(dispatchByRule(jobs, rule, { instances: 1_000, slots: 1, loadMs: 0, seed }).waitMs) / 20_000;
    });
    return { name: `fleet ${rule}`, figures, published: FLEET[rule] ?? [] };
  });
}

const FLEET_JOBS = 1_000_000;

export function compareBaselines(seed: number): string[] {
  const rows = [
    ...playAffinityBaselines(seed),
    ...playOwnAffinity(seed),
    ...playKeepWarmBaselines(seed),
    ...playFairnessBaselines(seed),
    ...playFleetBaselines(seed, FLEET_JOBS),
  ];
  const show = (figures: readonly number[]) => figures.map((figure) => Number(figure.toPrecision(3))).join(' ');
  return [
    `seed ${seed}, one try each; latencies and waits in seconds`,
    ...rows.map(
      ({ name, figures, published }) => `${name.padEnd(40)} ${show(figures)}   published: ${show(published)}`,
    ),
  ];
}
