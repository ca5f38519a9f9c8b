// How long an idle instance is kept. Pure; decide.pure.ts asks, whoever drives it tells the gaps.
//
// `keep_warm_duration_in_seconds` is a promise: that long after its last run a deployment still answers at once. One idle
// instance, the one used last, keeps that promise and is never stopped earlier. Any further idle instance is surplus:
// it is kept only as long as its being used again is worth its price, and never longer than the promise.
//
// What a surplus instance is worth is learned from gaps: how long after an instance became idle one more was needed. A
// stopped instance is remembered for that, so that the gaps beyond what it was kept are seen too.

/** Upper ends of the gap classes, in milliseconds; the last class is open. */
const BOUNDS = [1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1_200].map((seconds) => seconds * 1_000);
/** Each gap seen takes this share of the weight of those before it. */
const FADE = 0.99;
/** Below this weight nothing is known. */
const LEAST_WEIGHT = 5;
/** A start is billed, and the one whose request needs it waits for it: sparing one is worth so many times its price. */
const START_WORTH = 5;
const FORGET_MS = 3_600_000;
const MAX_STOPPED = 60;

export interface KeepWarmMemory {
  /** One more than BOUNDS: how often each class was seen, faded. */
  readonly gapWeights: readonly number[];
  /** When each instance that was stopped since became idle, oldest first. */
  readonly stoppedIdleSince: readonly number[];
}

export const NOTHING_LEARNED: KeepWarmMemory = { gapWeights: [], stoppedIdleSince: [] };

/** An idle instance was given a request. */
export function learnReuse(memory: KeepWarmMemory, gapMs: number): KeepWarmMemory {
  const index = BOUNDS.findIndex((bound) => gapMs <= bound);
  const at = index < 0 ? BOUNDS.length : index;
  const gapWeights = Array.from({ length: BOUNDS.length + 1 }, (_, each) => {
    return FADE * (memory.gapWeights[each] ?? 0) + (each === at ? 1 : 0);
  });
  return { ...memory, gapWeights };
}

/** An idle instance was stopped: whether that was right is known when the next one is needed. */
export function learnStop(memory: KeepWarmMemory, idleSince: number): KeepWarmMemory {
  const kept = [...memory.stoppedIdleSince, idleSince].sort((a, b) => a - b).slice(-MAX_STOPPED);
  return { ...memory, stoppedIdleSince: kept };
}

/** An instance had to be started: the one that was stopped last would have been used. */
export function learnStart(memory: KeepWarmMemory, now: number): KeepWarmMemory {
  const last = memory.stoppedIdleSince.at(-1);
  if (last === undefined) return memory;
  const rest = { ...memory, stoppedIdleSince: memory.stoppedIdleSince.slice(0, -1) };
  return learnReuse(rest, Math.min(FORGET_MS, now - last));
}

export function isLearned(memory: KeepWarmMemory): boolean {
  return weigh(memory) >= LEAST_WEIGHT;
}

function weigh({ gapWeights }: KeepWarmMemory): number {
  return gapWeights.reduce((sum, weight) => sum + weight, 0);
}

/**
 * While nothing is known: as long as a start takes, which never costs more than twice the best (rent as long as buying
 * costs). The second, third … of several is needed again only if all used after it are busy: a half, a third … of that.
 */
export function guessSurplusMs(rank: number, of: { coldStartMs: number; keepWarmMs: number }): number {
  return Math.min(of.keepWarmMs, of.coldStartMs / Math.max(1, rank));
}

/**
 * How long to keep a surplus instance once something is known: the length for which idle time plus the starts that it does not spare cost least.
 * E.g. gaps of 5 s (9 of 10) and of an hour, a start worth 300 s: 5 s costs 9×5 + 5 + 300 = 350, none 10×300 = 3,000.
 */
export function chooseSurplusMs(memory: KeepWarmMemory, coldStartMs: number, keepWarmMs: number): number {
  const total = weigh(memory);
  let best = 0;
  let bestCost = total * START_WORTH * coldStartMs;
  let idleCost = 0;
  let seen = 0;
  for (const [index, bound] of BOUNDS.entries()) {
    if (bound > keepWarmMs) break;
    const weight = memory.gapWeights[index] ?? 0;
    const lower = BOUNDS[index - 1] ?? 0;
    idleCost += (weight * (lower + bound)) / 2;
    seen += weight;
    const cost = idleCost + (total - seen) * (bound + START_WORTH * coldStartMs);
    if (cost < bestCost) {
      best = bound;
      bestCost = cost;
    }
  }
  return best;
}
