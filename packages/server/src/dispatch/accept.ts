// How accepted requests enter dispatch: straight onto an idle instance, or into the queue. Implements what
// requests/submit.ts calls a RequestQueue.
import type { LiveRequest } from '../requests/live.ts';
import { describeError } from '../telemetry/log.ts';
import { assign, unassign } from './assign.ts';
import type { Board } from './board.ts';
import { endRequest, perform, requeue } from './perform.ts';
import { findLoaded } from './place-models.ts';
import { findPlace, hasWaiting } from './pool-index.ts';
import { findPlaceWhereItIs, isAtLimit, openPool } from './pools.ts';
import { pumpOnceKnown } from './pump-once-known.ts';
import type { Slots } from './slots.ts';

/** True: an instance with room is held for it, so that its row is inserted already leased. */
export function reserve(board: Board, request: LiveRequest): boolean {
  const { deploymentId } = request;
  board.models.onArrival(request);
  if (!board.isOpen || !board.limits.has(deploymentId) || board.backlog.isLoading()) return false;
  const index = openPool(board, deploymentId);
  // Nobody overtakes those who wait for the same instances, or whose lease is on its way.
  if (index === undefined || index.leasing > 0 || hasWaiting(index)) return false;
  const isBound = isAtLimit(board, deploymentId);
  const models = board.models.isUsed && !isBound ? board.models.of(request) : '';
  let slots: Slots | undefined;
  if (isBound) slots = findPlaceWhereItIs(board, index, deploymentId);
  // Where no idle instance has its models, they are weighed with what is loaded and runs (loop.ts).
  else slots = models === '' ? findPlace(index) : findLoaded(index, models);
  if (slots === undefined) return false;
  assign(board, request, slots, models === '' ? 'idle' : 'its models are loaded');
  return true;
}

/** The insert failed: the instance is free again. */
export function release(board: Board, request: LiveRequest): void {
  const slots = request.instanceId === undefined ? undefined : board.slotsById.get(request.instanceId);
  if (slots === undefined) return;
  unassign(request, slots);
  // Others may have queued up behind a reservation that came to nothing.
  board.pump();
}

/** The request is durable. */
export function accept(board: Board, request: LiveRequest): void {
  board.budget.take(request);
  if (request.instanceId !== undefined) {
    const slots = board.slotsById.get(request.instanceId);
    if (slots && board.isOpen) perform(board, { request, slots, isResumed: false });
    else void returnReservation(board, request);
    return;
  }
  if (request.stop) {
    void endRequest(board, request, request.stop);
    return;
  }
  if (board.backlog.isLoading()) {
    board.backlog.keep(request);
    return;
  }
  board.waiting.push(request);
  pumpOnceKnown(board, request.deploymentId);
}

/** A request that waited when the service ended; at the head when it had been given out before. */
export function restoreWaiting(board: Board, request: LiveRequest, place: 'head' | 'tail' = 'tail'): void {
  if (request.stop) {
    void endRequest(board, request, request.stop);
    return;
  }
  if (place === 'head') board.waiting.pushFront(request);
  else board.waiting.push(request);
  pumpOnceKnown(board, request.deploymentId);
}

// The instance went away, or the service is stopping, between the reservation and the commit: nothing was sent.
async function returnReservation(board: Board, request: LiveRequest): Promise<void> {
  const { writes, clock, log } = board.deps.execution;
  try {
    await writes.returnLease({
      requestId: request.id,
      epoch: request.epoch,
      losses: 0,
      instanceId: request.instanceId,
      promptId: request.promptId,
      startedAt: undefined,
      endedAt: clock.now(),
      cause: 'the instance went away before the prompt was sent',
    });
    request.instanceId = undefined;
    request.promptId = undefined;
    requeue(board, request);
  } catch (error) {
    log.error({ requestId: request.id, ...describeError(error) }, 'a reserved lease could not be returned');
  }
}
