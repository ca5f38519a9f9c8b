// Dispatch rules to compare with: each request is bound to an instance when it comes (random, round robin, two choices,
// join the shortest queue, both measured in work), or waits in one central queue for whichever is free first. None of them looks at models.
import { createRandom } from './random.ts';
import type { Job } from './traces.ts';

export type Rule = 'random' | 'round robin' | 'two choices' | 'shortest queue' | 'central queue';

export interface Dispatched {
  /** From arrival to the beginning of the run, loading not included. */
  readonly waitMs: Float64Array;
  /** From arrival to the end of the run. */
  readonly latencyMs: Float64Array;
  readonly loads: number;
}

interface Fleet {
  readonly instances: number;
  readonly slots: number;
  readonly loadMs: number;
  readonly seed: number;
}

export function dispatchByRule(jobs: readonly Job[], rule: Rule, fleet: Fleet): Dispatched {
  const waitMs = new Float64Array(jobs.length);
  const latencyMs = new Float64Array(jobs.length);
  const freeAt = new Float64Array(fleet.instances);
  const loaded: number[][] = Array.from({ length: fleet.instances }, () => []);
  const pick = createPick(rule, freeAt, fleet);
  let loads = 0;
  for (const [index, { at, serviceMs, models }] of jobs.entries()) {
    const chosen = pick.choose();
    const startAt = Math.max(at, freeAt[chosen] ?? 0);
    const isLoaded = fleet.loadMs === 0 || useModels(loaded[chosen] ?? [], models, fleet.slots);
    if (!isLoaded) loads += 1;
    const endAt = startAt + (isLoaded ? 0 : fleet.loadMs) + serviceMs;
    freeAt[chosen] = endAt;
    pick.given();
    waitMs[index] = startAt - at;
    latencyMs[index] = endAt - at;
  }
  return { waitMs, latencyMs, loads };
}

/** True when they were loaded; the ones used longest ago make room. */
function useModels(loaded: number[], models: number, slots: number): boolean {
  const index = loaded.indexOf(models);
  if (index >= 0) loaded.splice(index, 1);
  else if (loaded.length >= slots) loaded.shift();
  loaded.push(models);
  return index >= 0;
}

/** Not the numbers that made the trace: choices must not depend on service times. */
const OWN_STREAM = 1_000_003;

function createPick(rule: Rule, freeAt: Float64Array, { instances, seed }: Fleet) {
  if (rule === 'central queue') return createEarliestFree(freeAt);
  const random = createRandom(seed + OWN_STREAM);
  const earlier = (a: number, b: number) => ((freeAt[a] ?? 0) <= (freeAt[b] ?? 0) ? a : b);
  let turn = 0;
  const choose: Record<Exclude<Rule, 'central queue'>, () => number> = {
    random: () => random.index(instances),
    'round robin': () => turn++ % instances,
    'two choices': () => earlier(random.index(instances), random.index(instances)),
    'shortest queue': () => {
      let best = random.index(instances);
      for (let other = 0; other < instances; other += 1) best = earlier(best, other);
      return best;
    },
  };
  return { choose: choose[rule], given: () => undefined };
}

/** A heap of instances by when they are free: the next request goes to its top. */
function createEarliestFree(freeAt: Float64Array) {
  const heap = Array.from(freeAt, (_, index) => index);
  const free = (position: number) => freeAt[heap[position] ?? 0] ?? 0;
  return {
    choose: () => heap[0] ?? 0,
    given() {
      let hole = 0;
      const moved = heap[0] ?? 0;
      const endAt = freeAt[moved] ?? 0;
      for (;;) {
        let child = 2 * hole + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && free(child + 1) < free(child)) child += 1;
        if (endAt <= free(child)) break;
        heap[hole] = heap[child] ?? 0;
        hole = child;
      }
      heap[hole] = moved;
    },
  };
}
