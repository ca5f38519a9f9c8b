// How many requests an instance may be given ahead of those that run there, and how many prompts may be inside of it. Pure;
// asked by next-instance.pure.ts for who has room, and by slots.ts for the depth of its turn.

/** What counts of an instance (slots.ts). */
export interface Load {
  readonly pending: number;
  readonly meanRunMs: number;
}

/** Above this, one prompt waiting inside the instance gains nothing worth its price for cancel and fairness. */
const SHORT_RUN_MS = 100;
/** The gateway's event loop is away now and then for about as long: runs that wait inside the instance keep it busy meanwhile. */
const STALL_MS = 12;
/** More than this gained nothing, however short the runs. */
const MAX_INSIDE = 6;

/** What is given ahead of short runs is over in about this time: nobody waits longer there than it takes to be moved. */
const AHEAD_MS = 100;
const MAX_AHEAD = 16;

/** No instance has more to do. */
export const MAX_CAPACITY = MAX_INSIDE + MAX_AHEAD;

/** How many prompts may be inside the instance. */
export function depth({ meanRunMs }: Pick<Load, 'meanRunMs'>): number {
  if (meanRunMs >= SHORT_RUN_MS) return 1;
  return 1 + Math.min(MAX_INSIDE - 1, Math.max(1, Math.ceil(STALL_MS / meanRunMs)));
}

// One ahead hides its preparation behind the current run. Where runs are so short that a lease costs as much, more are
// leased in one statement; they are ours until they are sent, so a cancel still takes them back.
export function capacity(load: Pick<Load, 'meanRunMs'>): number {
  const { meanRunMs } = load;
  if (meanRunMs >= SHORT_RUN_MS) return meanRunMs < 1_000 ? 3 : 2;
  return depth(load) + Math.min(MAX_AHEAD, Math.max(3, Math.ceil(AHEAD_MS / meanRunMs)));
}

/** How many to give now: in groups where runs are short, so that their leases share a statement, and before a place inside is free. */
export function room(load: Load): number {
  const free = capacity(load) - load.pending;
  const isWorthIt = load.pending <= 2 || load.pending <= (capacity(load) + depth(load)) / 2;
  return isWorthIt ? Math.max(0, free) : 0;
}
