// A warm-up call: so many instances are to be there for a while although nothing waits. Pure; settled by judge.ts before each
// decision, asked for in scaler.ts.
import type { MemberDemand, SeenInstance } from './gather.pure.ts';

export interface WarmUp {
  readonly instances: number;
  readonly until: number;
  /** They are all there: from then on the time counts. */
  readonly isReached: boolean;
}

interface Seen {
  readonly members: readonly MemberDemand[];
  readonly instances: readonly SeenInstance[];
}

/** What is left of it: its time counts from when its instances are there. */
export function settleWarmUp(warmUp: WarmUp | undefined, seen: Seen, now: number): WarmUp | undefined {
  if (warmUp === undefined || now >= warmUp.until) return undefined;
  if (warmUp.isReached || countReady(seen) < Math.min(warmUp.instances, mostOf(seen))) return warmUp;
  const keepWarmMs = Math.max(0, ...seen.members.map(({ limits }) => limits.keepWarmMs));
  return { ...warmUp, until: now + keepWarmMs, isReached: true };
}

function countReady({ instances }: Seen): number {
  return instances.filter(({ phase }) => phase === 'ready').length;
}

function mostOf({ members }: Seen): number {
  return members.reduce((sum, { limits }) => sum + limits.maxInstances, 0);
}
