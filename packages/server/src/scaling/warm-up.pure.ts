// A warm-up call: so many instances are to be there for a while although nothing waits. Pure; begun by scaler.ts, settled by
// judge.ts before each decision.
import type { MemberDemand, SeenInstance } from './combine-members.pure.ts';

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

interface Call {
  readonly instances: number;
  readonly keepWarmMs: number;
  /** A start may take so long. */
  readonly startTimeoutMs: number;
}

/** Of several calls the highest number counts, and the time of the last one: enough for a start and for keep-warm after it. */
export function beginWarmUp(before: WarmUp | undefined, call: Call, now: number): WarmUp {
  const instances = Math.max(before?.instances ?? 0, call.instances);
  return { instances, until: now + call.startTimeoutMs + call.keepWarmMs, isReached: false };
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
