// Which instances go because fewer are wanted, and when: idle ones after keep-warm, those that start for nobody, and whatever
// is over a lowered maximum. Pure; called by decide.pure.ts. Outdated ones: roll-over.pure.ts.
import type { Drain, ScaledInstance, ScaleState } from './decide.pure.ts';
import { chooseSurplusMs, guessSurplusMs, isLearned } from './keep-warm.pure.ts';

interface Drops {
  readonly drain: readonly Drain[];
  /** When the next one may be due. */
  readonly checkAt: number | undefined;
}

const NONE: Drops = { drain: [], checkAt: undefined };

/** A lowered maximum acts at once: what is idle goes, what runs takes no more. */
export function dropOverMaximum(current: readonly ScaledInstance[], maxInstances: number): Drain[] {
  const over = current.length - maxInstances;
  if (over <= 0) return [];
  const howNeeded = (each: ScaledInstance) => (each.running > 0 ? 2 : each.phase === 'ready' ? 1 : 0);
  const ordered = [...current].sort((a, b) => howNeeded(a) - howNeeded(b) || a.idleSince - b.idleSince);
  return ordered.slice(0, over).map(({ id }) => ({ id, because: `max_instances is ${maxInstances}` }));
}

interface Having {
  readonly current: readonly ScaledInstance[];
  readonly wanted: number;
  readonly now: number;
}

interface Surplus {
  readonly current: readonly ScaledInstance[];
  readonly surplus: number;
  readonly now: number;
}

/** Beyond what is wanted: idle ones first, then those whose start takes too long. */
export function dropUnneeded(state: ScaleState, { current, wanted, now }: Having): Drops {
  const surplus = current.length - Math.min(state.limits.maxInstances, wanted);
  if (surplus <= 0) return NONE;
  const idle = dropIdle(state, { current, surplus, now });
  const left = surplus - idle.drain.length;
  if (left === 0) return idle;
  const late = dropLate(state, { current, surplus: left, now });
  return { drain: [...idle.drain, ...late.drain], checkAt: earliest([idle.checkAt, late.checkAt]) };
}

export function earliest(instants: readonly (number | undefined)[]): number | undefined {
  const known = instants.filter((at) => at !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Idle ones whose time is over, those idle longest first. The one used last keeps the promise of keep-warm. */
function dropIdle(state: ScaleState, { current, surplus, now }: Surplus): Drops {
  const idle = current
    .filter((each) => each.phase === 'ready' && each.running === 0)
    .sort((a, b) => a.idleSince - b.idleSince);
  const { keepWarmMs } = state.limits;
  const surplusMs = createSurplusTimes(state);
  const drain: Drain[] = [];
  let checkAt: number | undefined;
  for (const [index, { id, idleSince }] of idle.entries()) {
    if (drain.length === surplus) break;
    const isLast = index === idle.length - 1;
    const keptMs = isLast ? keepWarmMs : surplusMs(idle.length - 1 - index);
    // The same sum as checkAt's: a difference could round to just below, and the question would be asked again for ever.
    const until = idleSince + keptMs;
    if (now >= until) drain.push({ id, because: describeDrop(now - idleSince, isLast) });
    else checkAt = earliest([checkAt, until]);
  }
  return { drain, checkAt };
}

/** A start in less than twice the usual time is waited for: it is nearly paid, and the next request may be near. */
const LATE_BY = 2;

/** Nobody wants them any more, and their start takes so long that it may never end (a Pod that fits nowhere). */
function dropLate({ limits, coldStartMs }: ScaleState, { current, surplus, now }: Surplus): Drops {
  const starting = current
    .filter((each) => each.phase === 'starting' && each.running === 0)
    .sort((a, b) => a.since - b.since);
  const isLateAfterMs = Math.max(LATE_BY * coldStartMs, limits.keepWarmMs);
  const drain: Drain[] = [];
  for (const { id, since } of starting.slice(0, surplus)) {
    if (now < since + isLateAfterMs) return { drain, checkAt: since + isLateAfterMs };
    const seconds = Math.round((now - since) / 1_000);
    drain.push({ id, because: `starting for ${seconds} s, and nothing waits for it any more` });
  }
  return { drain, checkAt: undefined };
}

/** By how many that are idle were used after it. Asked for many in a row: once something is known, all are alike. */
function createSurplusTimes({ memory, coldStartMs, limits }: ScaleState): (rank: number) => number {
  let known: number | undefined;
  return (rank) => {
    if (!isLearned(memory)) return guessSurplusMs(rank, { coldStartMs, keepWarmMs: limits.keepWarmMs });
    known ??= chooseSurplusMs(memory, coldStartMs, limits.keepWarmMs);
    return known;
  };
}

function describeDrop(idleMs: number, isLast: boolean): string {
  const seconds = `idle for ${Math.round(idleMs / 1_000)} s`;
  return isLast ? `${seconds}: keep-warm is over` : `${seconds}, another one is warm, and it is unlikely to be needed`;
}
