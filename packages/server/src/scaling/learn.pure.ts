// What a pool's past teaches its next decisions. Pure. Of its idle instances (keep-warm.pure.ts; by judge.ts at each
// decision): those beyond the one used last are surplus, and how long until one of them is needed again is what is learned.
// Of its failed starts (by scaler.ts): how many in a row, after which decide.pure.ts pauses.
import type { FailedStarts, ScaleDecision, ScaledInstance } from './decide.pure.ts';
import { type KeepWarmMemory, learnReuse, learnStart, learnStop } from './keep-warm.pure.ts';

export interface Learned {
  readonly memory: KeepWarmMemory;
  /** Surplus instances, and since when they are idle. */
  readonly surplus: ReadonlyMap<string, number>;
}

/** Before a decision: which of the surplus ones were used. */
export function learnUses({ memory, surplus }: Learned, instances: readonly ScaledInstance[], now: number): Learned {
  if (surplus.size === 0) return { memory, surplus };
  let learned = memory;
  const left = new Map<string, number>();
  for (const { id, running, idleSince, phase } of instances) {
    const since = surplus.get(id);
    if (since === undefined || phase !== 'ready') continue;
    // A run between two looks shows in a later idleSince.
    if (running > 0 || idleSince > since) learned = learnReuse(learned, now - since);
    else left.set(id, since);
  }
  return { memory: learned, surplus: left };
}

/** After it: what is surplus now, what was stopped of it, what had to be started. */
export function learnDecision(
  { memory, surplus }: Learned,
  instances: readonly ScaledInstance[],
  { decision, now }: { decision: Pick<ScaleDecision, 'drain' | 'start'>; now: number },
): Learned {
  const idle = instances
    .filter(({ phase, running, isCurrent }) => phase === 'ready' && running === 0 && isCurrent)
    .sort((a, b) => a.idleSince - b.idleSince);
  const next = new Map(surplus);
  for (const { id, idleSince } of idle.slice(0, -1)) next.set(id, idleSince);
  let learned = memory;
  for (const { id } of decision.drain) {
    const idleSince = next.get(id);
    if (idleSince !== undefined) learned = learnStop(learned, idleSince);
    next.delete(id);
  }
  for (let count = 0; count < decision.start; count += 1) learned = learnStart(learned, now);
  return { memory: learned, surplus: next };
}

export interface FailedRow extends FailedStarts {
  /** When the first of the row failed. */
  readonly since: number;
}

interface FailedStart {
  /** undefined: by an earlier life of the service. */
  readonly askedAt: number | undefined;
  readonly cause: string;
  /** Somebody took it away before it was there. */
  readonly wasWished: boolean;
  /** A deployment of the pool still has the version and hardware that it was made from. */
  readonly isCurrent: boolean;
}

/** What was wished, or was made from what has been edited since, says nothing about the next start. */
export function learnFailedStart(
  before: FailedRow | undefined,
  start: FailedStart,
  now: number,
): FailedRow | undefined {
  const { askedAt = now, cause, wasWished, isCurrent } = start;
  if (wasWished || !isCurrent) return before;
  if (before === undefined) return { count: 1, since: now, lastAt: now, cause };
  // Those that were asked for together are one failure, not so many in a row.
  const isSameTry = askedAt <= before.lastAt;
  return { count: before.count + (isSameTry ? 0 : 1), since: before.since, lastAt: now, cause };
}
