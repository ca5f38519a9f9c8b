// Moves what was given ahead to a busy instance, and is not sent yet, to one that is idle. Called by loop.ts while nobody waits.
import type { Attempt } from '../execution/attempt.ts';
import { MOVED } from '../requests/report.pure.ts';
import type { Board } from './board.ts';
import { suitsModels } from './next-instance.pure.ts';
import { leastBusy, type PoolIndex } from './pool-index.ts';
import { mayRunOn } from './pools.ts';
import type { Slots } from './slots.ts';

/** Below this, what waits ahead on a busy instance starts sooner there than it could be moved. */
const WORTH_MOVING_MS = 500;
/** At most so many are looked at, each time others. */
export const LOOKS = 8;

export function rebalance(board: Board, index: PoolIndex): void {
  if (index.crowded.size === 0) return;
  const idle = leastBusy(index);
  if (idle === undefined || idle.pending > 0) return;
  for (const slots of [...firstOf(index.crowded, LOOKS)]) {
    const unsent = slots.meanRunMs < WORTH_MOVING_MS ? undefined : findUnsentFor(board, idle, slots);
    if (unsent) {
      // Until the one that leaves waits again, no other is moved.
      if (!unsent.signal.aborted) unsent.leave(MOVED);
      return;
    }
    index.crowded.delete(slots);
    index.crowded.add(slots);
  }
}

function findUnsentFor(board: Board, idle: Slots, { attempts }: Slots): Attempt | undefined {
  for (const attempt of attempts) {
    const { isSent, request } = attempt;
    if (isSent || !mayRunOn(board, request.deploymentId, idle)) continue;
    if (suitsModels(board.models.of(request), idle.loaded)) return attempt;
  }
  return undefined;
}

export function* firstOf<T>(items: Iterable<T>, count: number): IterableIterator<T> {
  let left = count;
  for (const item of items) {
    if (left === 0) return;
    left -= 1;
    yield item;
  }
}
