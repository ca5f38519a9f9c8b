// Gives waiting requests to instances that have room: gather (board.ts) → decide (assign.pure.ts) → act (lease, perform).
// Event-driven: a submit, an ended run, an instance that became ready call it in their own turn; nothing polls.
import { type LiveRequest, wishStop } from '../requests/live.ts';
import { hasCancelWish } from '../requests/requests.sql.ts';
import { describeError } from '../telemetry/log.ts';
import { chooseNext, type LaneView } from './assign.pure.ts';
import { type Board, countOtherInstances, hold, readySlots, unhold } from './board.ts';
import { endRequest, perform, requeue } from './perform.ts';
import { mayServe } from './pools.ts';
import { room, type Slots } from './slots.ts';

const LEASE_PAUSE_MS = 1_000;

export function pump(board: Board): void {
  while (board.isOpen && board.waiting.size > 0 && giveLevel(board)) {
    // until nobody has room or nobody waits
  }
  if (board.isOpen && board.waiting.size === 0) rebalance(board);
}

/** Below this, what waits ahead on a busy instance starts sooner there than it could be moved. */
const WORTH_MOVING_MS = 500;

// Nobody waits and an instance is idle: it takes what is given ahead to a busy one and not sent yet.
function rebalance(board: Board): void {
  const [idle, ...others] = readySlots(board);
  if (idle === undefined || idle.pending > 0) return;
  for (const slots of others.reverse()) {
    if (slots.pending < 2 || slots.meanRunMs < WORTH_MOVING_MS) continue;
    const unsent = [...slots.attempts].find((attempt) => !attempt.isWatched && mayRunOn(board, attempt.request, idle));
    if (unsent) {
      unsent.leave('moved to an idle instance before it was sent');
      return;
    }
  }
}

function mayRunOn(board: Board, request: LiveRequest, slots: Slots): boolean {
  if (!mayServe(board, request.deploymentId, slots)) return false;
  const max = board.limits.get(request.deploymentId) ?? 1;
  return countOtherInstances(board, request.deploymentId, slots) < max;
}

// Level by level: a second request ahead on one instance only when every other has as much to do.
function giveLevel(board: Board): boolean {
  let gave = false;
  for (const slots of readySlots(board)) {
    const free = slots.pending === 0 ? 1 : room(slots);
    for (let given = 0; given < free; given += 1) {
      const choice = chooseNext(viewLanes(board, slots), board.usage);
      const request = choice && board.waiting.shift(choice.deploymentId);
      if (choice === undefined || request === undefined) break;
      hold(board, request, slots, choice.because);
      void leaseAndPerform(board, request, slots);
      gave = true;
    }
  }
  return gave;
}

function viewLanes(board: Board, slots: Slots): LaneView[] {
  const views: LaneView[] = [];
  for (const lane of board.waiting.lanes()) {
    const head = lane.peek();
    if (head === undefined || !mayServe(board, lane.deploymentId, slots)) continue;
    views.push({
      accountId: lane.accountId,
      deploymentId: lane.deploymentId,
      headPriority: head.priority,
      headCreatedAt: head.createdAt,
      otherInstances: countOtherInstances(board, lane.deploymentId, slots),
      maxInstances: board.limits.get(lane.deploymentId) ?? 1,
    });
  }
  return views;
}

async function leaseAndPerform(board: Board, request: LiveRequest, slots: Slots): Promise<void> {
  const { writes, log, clock } = board.deps.execution;
  const { id, epoch, promptId = '' } = request;
  const wish = { requestId: id, epoch, instanceId: slots.instance.id, promptId, now: clock.now() };
  try {
    const isLeased = await countLeasing(board, writes.lease(wish));
    if (isLeased) return perform(board, { request, slots, isResumed: false });
    unhold(request, slots);
    await leaveLease(board, request);
  } catch (error) {
    if (request.phase === 'leased') unhold(request, slots);
    log.error({ requestId: id, ...describeError(error) }, 'a lease could not be taken');
    setTimeout(() => requeue(board, request), LEASE_PAUSE_MS).unref();
  }
}

async function countLeasing<T>(board: Board, lease: Promise<T>): Promise<T> {
  board.leasing += 1;
  try {
    return await lease;
  } finally {
    board.leasing -= 1;
  }
}

// A cancel was faster. Memory hears of it in a moment, or never: when the wish was kept and the answer to it got lost.
async function leaveLease(board: Board, request: LiveRequest): Promise<void> {
  if (request.stop === undefined && (await hasCancelWish(board.deps.execution.db, request.id))) {
    wishStop(request, { kind: 'cancel' });
  }
  if (request.stop) return await endRequest(board, request, request.stop);
  board.deps.execution.log.warn({ requestId: request.id }, 'a lease was refused for no known reason; trying again');
  setTimeout(() => requeue(board, request), LEASE_PAUSE_MS).unref();
}
