// Takes the lease of a request that was given to an instance, and has it performed; where the lease is refused, what becomes of
// the request. Called by loop.ts.
import { persist } from '../db/persist.ts';
import { findLeaseEpoch } from '../requests/lease.sql.ts';
import { type LiveRequest, wishStop } from '../requests/live.ts';
import { hasCancelWish, isUnfinished } from '../requests/requests.sql.ts';
import { describeError } from '../telemetry/log.ts';
import { unassign } from './assign.ts';
import type { Board } from './board.ts';
import { endRequest, perform, requeue } from './perform.ts';
import type { PoolIndex } from './pool-index.ts';
import { countLeasing } from './pools.ts';
import type { Slots } from './slots.ts';

const LEASE_PAUSE_MS = 1_000;

interface Lease {
  readonly request: LiveRequest;
  readonly slots: Slots;
  readonly index: PoolIndex;
}

export async function leaseAndPerform(board: Board, { request, slots, index }: Lease): Promise<void> {
  const { writes, log, clock } = board.deps.execution;
  const { id, epoch, promptId = '' } = request;
  const wish = { requestId: id, epoch, instanceId: slots.instance.id, promptId, now: clock.now() };
  try {
    const isLeased = await countLeasing(board, index, writes.lease(wish));
    if (isLeased) return perform(board, { request, slots, isResumed: false });
    unassign(request, slots);
    await leaveLease(board, request, promptId);
  } catch (error) {
    if (request.phase === 'leased') unassign(request, slots);
    log.error({ requestId: id, ...describeError(error) }, 'a lease could not be taken');
    setTimeout(() => requeue(board, request), LEASE_PAUSE_MS).unref();
  }
}

// A cancel was faster. Memory hears of it in a moment, or never: when the wish was kept and the answer to it got lost.
async function leaveLease(board: Board, request: LiveRequest, promptId: string): Promise<void> {
  const { db } = board.deps.execution;
  const isCancelled = request.stop !== undefined || (await persist(() => hasCancelWish(db, request.id)));
  if (isCancelled) wishStop(request, { kind: 'cancel' });
  // The cancel came between a first try, whose answer got lost, and its repetition: the row is ours, under the lease's epoch.
  request.epoch = (await persist(() => findLeaseEpoch(db, request.id, promptId))) ?? request.epoch;
  if (request.stop) return await endRequest(board, request, request.stop);
  // The replica that took it in withdrew it: its submit was refused, although its row arrived.
  if (!(await persist(() => isUnfinished(db, request.id)))) return board.deps.execution.live.remove(request.id);
  board.deps.execution.log.warn({ requestId: request.id }, 'a lease was refused for no known reason; trying again');
  setTimeout(() => requeue(board, request), LEASE_PAUSE_MS).unref();
}
