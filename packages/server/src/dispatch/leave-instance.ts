// What becomes of the requests on an instance that takes no more work. Called by dispatcher.ts when the fleet tells of it.
import type { Instance } from '../instances/fleet.ts';
import type { Board } from './board.ts';
import { forgetSlots, quitPool } from './pools.ts';

/** Lost or draining: what was not sent yet is free to go elsewhere; what was sent finds out for itself (execution/watch.ts). */
export function leaveUnsent(board: Board, instance: Instance): void {
  const slots = board.slotsById.get(instance.id);
  if (slots === undefined) return;
  quitPool(board, slots);
  const reason = instance.reason ?? 'the instance was lost';
  for (const attempt of slots.attempts) if (!attempt.isSent) attempt.leave(reason);
  // Where it was the last current one, outdated ones take over what waits.
  board.pump();
}

/** Its worker is dead: what waits in its queue would wait there until somebody restarts it. */
export function giveUpSent(board: Board, instance: Instance): void {
  const reason = instance.reason ?? 'its worker is dead';
  for (const attempt of board.slotsById.get(instance.id)?.attempts ?? []) if (attempt.isSent) attempt.onGone?.(reason);
}

export function giveUpAll(board: Board, instance: Instance): void {
  const slots = board.slotsById.get(instance.id);
  if (slots === undefined) return;
  forgetSlots(board, slots);
  const reason = `the instance is gone: ${instance.reason ?? 'its process ended'}`;
  for (const attempt of slots.attempts) {
    attempt.leave(reason);
    attempt.onGone?.(reason);
  }
  board.pump();
}
