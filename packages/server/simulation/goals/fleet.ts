// A9, A10, A13: a big fleet under load: how long requests wait, what idles meanwhile, and what faults cost.
import { chooseFair } from '../choose.ts';
import type { Goal } from '../goal.ts';
import { dispatchByRule } from '../other-dispatchers.ts';
import { type Played, play } from '../play.ts';
import { createFixedFleet } from '../scaler.ts';
import { mean, waitsOf } from '../statistics.ts';
import { type Job, makeLoad } from '../traces.ts';
import { makeJobs, ONE_SET, playAffinity } from './affinity.ts';

const INSTANCES = 1_000;
const SERVICE_MS = 20_000;

export function makeFleetLoad(of: { seed: number; count: number; load: number; instances?: number }): Job[] {
  const service = { kind: 'exponential', meanMs: SERVICE_MS } as const;
  return makeLoad({ instances: INSTANCES, ...of, service, modelSets: 1 });
}

export function playFleet(jobs: readonly Job[], instances = INSTANCES): Played {
  return play({
    jobs,
    choose: chooseFair,
    scaler: createFixedFleet(instances),
    coldStartMs: () => 0,
    runMs: SERVICE_MS,
    stopWhenDone: true,
    scaleEveryMs: 1_000,
  });
}

const wait: Goal = {
  id: 'A9',
  what: 'mean wait, 1,000 instances, load 0.95 / one central queue',
  bar: 1.5,
  moonshot: 1.02,
  isLowerBetter: true,
  measure({ seed, jobs: count = 1_000_000 }) {
    const jobs = makeFleetLoad({ seed, count, load: 0.95 });
    const ours = playFleet(jobs);
    const central = dispatchByRule(jobs, 'central queue', { instances: INSTANCES, slots: 1, loadMs: 0, seed });
    const [ourWait, centralWait] = [mean(waitsOf(ours, jobs)), mean(central.waitMs)];
    const detail = { jobs: count, meanWaitRuns: ourWait / SERVICE_MS, centralWaitRuns: centralWait / SERVICE_MS };
    // Nobody waits in either: as good as one queue.
    const figure = centralWait === 0 && ourWait === 0 ? 1 : ourWait / centralWait;
    return { figure, violations: ours.violations, detail };
  },
};

const idle: Goal = {
  id: 'A10',
  what: 'instance time idle while a request waits, %',
  bar: 1,
  moonshot: 0,
  isLowerBetter: true,
  measure({ seed, jobs: count = 100_000 }) {
    const jobs = makeFleetLoad({ seed, count, load: 0.95, instances: 50 });
    const played = playFleet(jobs, 50);
    const figure = idlePercent(played);
    // Where models are weighed, idling is chosen: the request runs sooner on an instance that has them.
    const withModels = playAffinity(makeJobs(ONE_SET, { seed, count: 10_000, load: 0.45 }), ONE_SET);
    const detail = { jobs: count, instances: 50, load: 0.95, chosenForModelsPercent: idlePercent(withModels) };
    return { figure, violations: [...played.violations, ...withModels.violations], detail };
  },
};

function idlePercent({ idleWhileWaitingMs, instanceMs }: Played): number {
  return (100 * idleWhileWaitingMs) / instanceMs;
}

const HOUR_MS = 3_600_000;

const faults: Goal = {
  id: 'A13',
  what: 'throughput while 10 % crash, hang or lie each hour',
  bar: 0.9,
  moonshot: 0.985,
  isLowerBetter: false,
  measure({ seed, jobs: wished = 216_000 }) {
    const instances = 100;
    const hours = Math.max(1, Math.round((wished * SERVICE_MS) / (1.2 * instances * HOUR_MS)));
    const count = (1.2 * instances * hours * HOUR_MS) / SERVICE_MS;
    const jobs = makeFleetLoad({ seed, count, load: 1.1, instances });
    const run = (sharePerHour: number) =>
      play({
        jobs,
        choose: chooseFair,
        scaler: createFixedFleet(instances),
        coldStartMs: () => 60_000,
        runMs: SERVICE_MS,
        stopAt: hours * HOUR_MS,
        scaleEveryMs: 1_000,
        faults: { seed, sharePerHour, noticeMs: 10_000 },
      });
    const [faulty, sound] = [run(0.1), run(0)];
    const ended = (played: Played) => played.endedAt.filter((at) => !Number.isNaN(at)).length;
    return {
      figure: ended(faulty) / ended(sound),
      violations: [...faulty.violations, ...sound.violations],
      detail: {
        ended: ended(faulty),
        endedWithoutFaults: ended(sound),
        instancesLost: faulty.fleet.starts - instances,
        attemptsLost: faulty.attempts - ended(faulty) - instances,
      },
    };
  },
};

export const FLEET_GOALS: readonly Goal[] = [wait, idle, faults];
