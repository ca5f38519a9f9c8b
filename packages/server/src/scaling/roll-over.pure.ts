// Which instances of an earlier version or hardware go, and when. Pure; called by decide.pure.ts.
//
// Running work finishes where it runs. Idle outdated instances go at once, for whatever comes must run on new ones; busy
// ones go on taking requests until a new one is ready, or until their place is needed for it.
import type { Drain, ScaledInstance } from './decide.pure.ts';

interface Replacement {
  /** How many current instances are wanted. */
  readonly wanted: number;
  /** How many instances there may be, whatever they are. */
  readonly maxInstances: number;
}

export function replaceOutdated(
  instances: readonly ScaledInstance[],
  { wanted, maxInstances }: Replacement,
): { drain: Drain[]; reasons: string[] } {
  const outdated = instances.filter((each) => !each.isCurrent && each.phase !== 'draining');
  if (outdated.length === 0) return { drain: [], reasons: [] };
  const current = instances.filter((each) => each.isCurrent && each.phase !== 'draining');
  const isNewReady = current.some(({ phase }) => phase === 'ready');
  const free = maxInstances - instances.length;
  let leaving = instances.length - outdated.length - current.length;
  const places = Math.min(wanted, maxInstances) - current.length - free;
  const drain: Drain[] = [];
  for (const { id, phase, running } of [...outdated].sort((a, b) => a.running - b.running)) {
    const needsPlace = places > leaving;
    const because = whyItGoes({ isIdle: running === 0 || phase === 'starting', isNewReady, needsPlace });
    if (because === undefined) continue;
    drain.push({ id, because });
    leaving += 1;
  }
  return { drain, reasons: drain.length === 0 ? [] : [`${drain.length} outdated to be replaced`] };
}

/** undefined: it goes on taking requests. */
function whyItGoes(of: { isIdle: boolean; isNewReady: boolean; needsPlace: boolean }): string | undefined {
  const outdated = 'it has an earlier version or hardware';
  if (of.isIdle) return outdated;
  if (of.isNewReady) return `${outdated}, and a new one is ready`;
  return of.needsPlace ? `${outdated}, and a new one needs its place` : undefined;
}
