// All goals of simulated fleets, in the order of their numbers. Used by main.ts and the short round of the tests.
import type { Goal } from '../goal.ts';
import { AFFINITY_GOALS } from './affinity.ts';
import { ETA_GOALS } from './eta.ts';
import { FAIRNESS_GOALS } from './fairness.ts';
import { FLEET_GOALS } from './fleet.ts';
import { SCALING_GOALS } from './scaling.ts';

export const GOALS: readonly Goal[] = [
  ...AFFINITY_GOALS,
  ...SCALING_GOALS,
  ...FAIRNESS_GOALS,
  ...FLEET_GOALS,
  ...ETA_GOALS,
].sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
