// A7 and A8: one account's flood and long runs take nothing from the others that is theirs.
import { chooseFair } from '../choose.ts';
import type { Goal } from '../goal.ts';
import { dispatchByRule } from '../other-dispatchers.ts';
import { type Played, play } from '../play.ts';
import { createRandom } from '../random.ts';
import { createFixedFleet } from '../scaler.ts';
import { jainIndex, longest, quantile, waitsOf } from '../statistics.ts';
import type { Job } from '../traces.ts';

export interface Flood {
  readonly seed: number;
  readonly quietAccounts: number;
  readonly floodJobs: number;
  readonly instances: number;
}

const RUN_MS = 2_000;
const QUIET_GAP_MS = 20_000;

/** Account 0 drops its requests at once; each of the others sends one each 20 s until the flood must be over. */
export function makeFlood({ seed, quietAccounts, floodJobs, instances }: Flood): Job[] {
  const random = createRandom(seed);
  const draw = () => random.between(0.5 * RUN_MS, 1.5 * RUN_MS);
  const jobs: Job[] = [];
  for (let count = 0; count < floodJobs; count += 1) jobs.push({ at: 0, serviceMs: draw(), account: 0, models: 0 });
  const left = instances - (quietAccounts * RUN_MS) / QUIET_GAP_MS;
  const untilMs = (floodJobs * RUN_MS) / left;
  for (let account = 1; account <= quietAccounts; account += 1) {
    for (let at = random.exponential(QUIET_GAP_MS); at < untilMs; at += random.exponential(QUIET_GAP_MS)) {
      jobs.push({ at, serviceMs: draw(), account, models: 0 });
    }
  }
  return jobs.sort((a, b) => a.at - b.at);
}

export function playFair(jobs: readonly Job[], instances: number, stopAt?: number): Played {
  return play({
    jobs,
    choose: chooseFair,
    scaler: createFixedFleet(instances),
    coldStartMs: () => 0,
    runMs: RUN_MS,
    stopWhenDone: true,
    scaleEveryMs: Number.POSITIVE_INFINITY,
    ...(stopAt === undefined ? {} : { stopAt }),
  });
}

export const isQuiet = ({ account }: Job): boolean => account > 0;

const flood: Goal = {
  id: 'A7',
  what: "99 quiet accounts' p99 wait in a flood / without it",
  bar: 3,
  moonshot: 1.3,
  isLowerBetter: true,
  measure({ seed, jobs: floodJobs = 5_000 }) {
    const instances = 12;
    const jobs = makeFlood({ seed, quietAccounts: 99, floodJobs, instances });
    const quietJobs = jobs.filter(isQuiet);
    const [flooded, calm] = [playFair(jobs, instances), playFair(quietJobs, instances)];
    const fifo = dispatchByRule(jobs, 'central queue', { instances, slots: 1, loadMs: 0, seed });
    const waits = { flooded: waitsOf(flooded, jobs, isQuiet), calm: waitsOf(calm, quietJobs) };
    const fifoEnd = longest(fifo.latencyMs.map((ms, index) => ms + (jobs[index]?.at ?? 0)));
    const makespan = longest(flooded.endedAt) / fifoEnd;
    const violations = [...flooded.violations, ...calm.violations];
    if (makespan > 1.01) violations.push(`all is done ${makespan.toFixed(3)} times as late as under FIFO`);
    return {
      figure: quantile(waits.flooded, 0.99) / quantile(waits.calm, 0.99),
      violations,
      detail: {
        p99S: quantile(waits.flooded, 0.99) / 1_000,
        calmP99S: quantile(waits.calm, 0.99) / 1_000,
        fifoP99S:
          quantile(
            fifo.waitMs.filter((_, index) => (jobs[index]?.account ?? 0) > 0),
            0.99,
          ) / 1_000,
        makespanOverFifo: makespan,
      },
    };
  },
};

const shares: Goal = {
  id: 'A8',
  what: 'Jain index of GPU time, 10 accounts, runs 1 to 10x as long',
  bar: 0.95,
  moonshot: 0.995,
  isLowerBetter: false,
  measure({ seed }) {
    const [instances, hours] = [8, 2];
    const random = createRandom(seed);
    const jobs: Job[] = [];
    for (let account = 0; account < 10; account += 1) {
      const meanMs = RUN_MS * (account + 1);
      const enough = (hours * 3_600_000 * instances) / meanMs / 3;
      for (let count = 0; count < enough; count += 1) {
        jobs.push({ at: 0, serviceMs: random.between(0.5, 1.5) * meanMs, account, models: 0 });
      }
    }
    const played = playFair(jobs, instances, hours * 3_600_000);
    const used = new Array<number>(10).fill(0);
    for (const [index, { account, serviceMs }] of jobs.entries()) {
      if (!Number.isNaN(played.endedAt[index] ?? Number.NaN)) used[account] = (used[account] ?? 0) + serviceMs;
    }
    const detail = { leastHours: Math.min(...used) / 3_600_000, mostHours: Math.max(...used) / 3_600_000 };
    return { figure: jainIndex(used), violations: played.violations, detail };
  },
};

export const FAIRNESS_GOALS: readonly Goal[] = [flood, shares];
