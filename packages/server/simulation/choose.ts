// Who runs next in a simulated pool: the product's own rules, fed from the simulated fleet. Called by play.ts.
import { type FreeInstance, type ModelLane, placeNext } from '../src/dispatch/affinity.pure.ts';
import { chooseNext } from '../src/dispatch/assign.pure.ts';
import { remaining } from '../src/dispatch/eta.pure.ts';
import { fairUsage } from '../src/dispatch/fair-usage.pure.ts';
import type { Fleet, Lane, SimInstance } from './fleet.ts';

export interface Choice {
  readonly lane: Lane;
  readonly instance: SimInstance;
}

export type Choose = (fleet: Fleet) => Choice | undefined;

/** assign.pure.ts: instances do not differ; the one used last is taken. */
export function chooseFair(fleet: Fleet): Choice | undefined {
  const instance = fleet.idle.at(-1);
  if (instance === undefined || fleet.waiting === 0) return undefined;
  const usage = fleet.waitingLanes.length > 1 ? fairUsage(fleet.usage, runningMs(fleet)) : fleet.usage;
  const choice = chooseNext(fleet.waitingLanes, usage);
  const lane = choice && fleet.lanes.get(choice.deploymentId);
  return lane && { lane, instance };
}

function runningMs(fleet: Fleet): Map<string, number> {
  const running = new Map<string, number>();
  for (const { job, jobSince } of fleet.instances) {
    if (job < 0) continue;
    const accountId = `a${fleet.jobs[job]?.account}`;
    running.set(accountId, (running.get(accountId) ?? 0) + fleet.now - jobSince);
  }
  return running;
}

const DEMAND_HALF_LIFE_MS = 3_600_000;

/** affinity.pure.ts: what each instance has loaded is weighed. */
export function createAffinityChoice(): Choose & { onArrival(fleet: Fleet, lane: Lane): void } {
  const demand = new Map<string, { weight: number; at: number }>();

  function weightOf(models: string, now: number): number {
    const entry = demand.get(models);
    return entry === undefined ? 0 : entry.weight * 2 ** ((entry.at - now) / DEMAND_HALF_LIFE_MS);
  }

  function demandOf(fleet: Fleet, models: string, times: { runMs: number; loadMs: number }) {
    // A steady rate of r gives a weight of r × half-life / ln 2, less while the run is young.
    const horizonMs = (DEMAND_HALF_LIFE_MS / Math.LN2) * (1 - 2 ** (-fleet.now / DEMAND_HALF_LIFE_MS));
    const replicas = fleet.instances.filter((instance) => instance.models.includes(models)).length;
    return { perMs: weightOf(models, fleet.now) / Math.max(1, horizonMs), replicas, ...times };
  }

  function choose(fleet: Fleet): Choice | undefined {
    if (fleet.idle.length === 0 || fleet.waiting === 0) return undefined;
    const free: FreeInstance[] = fleet.idle;
    const { runMs = 0, loadMs = 0 } = fleet.waitingLanes[0] ?? {};
    const pool = {
      lanes: fleet.waitingLanes.map((lane) => viewLane(fleet, lane)),
      free,
      instances: fleet.instances.length,
      usage: fleet.usage,
      demandOf: (models: string) => demandOf(fleet, models, { runMs, loadMs }),
    };
    const placement = placeNext(pool, fleet.now);
    const lane = placement && fleet.lanes.get(placement.deploymentId);
    const instance = placement && fleet.idle.find(({ id }) => id === placement.instanceId);
    return lane && instance && { lane, instance };
  }

  function onArrival(fleet: Fleet, lane: Lane) {
    demand.set(lane.models, { weight: weightOf(lane.models, fleet.now) + 1, at: fleet.now });
  }
  return Object.assign(choose, { onArrival });
}

function viewLane(fleet: Fleet, lane: Lane): ModelLane {
  const warmBusyMs: number[] = [];
  const run = { meanMs: lane.runMs, variance: lane.runMs ** 2 / 12 };
  for (const instance of fleet.instances) {
    if (instance.job < 0 || !instance.models.includes(lane.models)) continue;
    const elapsedMs = fleet.now - instance.jobSince;
    // A run that had to load first has not begun yet.
    warmBusyMs.push(elapsedMs < 0 ? lane.runMs - elapsedMs : remaining(run, elapsedMs).meanMs);
  }
  return { ...lane, warmBusyMs };
}
