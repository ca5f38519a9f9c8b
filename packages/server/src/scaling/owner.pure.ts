// For which of a pool's deployments its next instance is started. Pure; asked by act.ts.
import type { MemberDemand } from './combine-members.pure.ts';

/** Of several deployments in a pool: the open one that most waits for, then the one that wants the most without work. */
export function chooseOwner(members: readonly MemberDemand[]): MemberDemand | undefined {
  const open = members.filter(({ closedBecause }) => closedBecause === undefined);
  return [...open].sort((a, b) => b.waiting - a.waiting || b.limits.minInstances - a.limits.minInstances)[0];
}
