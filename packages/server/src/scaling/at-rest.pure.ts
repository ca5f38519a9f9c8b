// Whether a pool may be forgotten until somebody comes. Pure; asked by judge.ts.
import type { MemberDemand, SeenInstance } from './combine-members.pure.ts';

interface Seen {
  readonly members: readonly MemberDemand[];
  readonly instances: readonly SeenInstance[];
  readonly isWarmingUp: boolean;
}

/** Nothing waits, nothing exists, nothing is wanted: it costs nothing until somebody comes. */
export function isAtRest({ members, instances, isWarmingUp }: Seen): boolean {
  return instances.length === 0 && !isWarmingUp && !members.some(isWanted);
}

function isWanted({ waiting, limits, closedBecause, isUnfunded }: MemberDemand): boolean {
  return waiting > 0 || (limits.minInstances > 0 && closedBecause === undefined && !isUnfunded);
}
