// Gives waiting requests to instances that have room: gather (board.ts) → decide (assign.pure.ts) → act (lease, perform).
// Event-driven: a submit, an ended run, an instance that became ready call it in their own turn; nothing polls.
import type { Attempt } from '../execution/attempt.ts';
import { type LiveRequest, wishStop } from '../requests/live.ts';
import { hasCancelWish, isUnfinished } from '../requests/requests.sql.ts';
import { describeError } from '../telemetry/log.ts';
import { chooseNext, type LaneView } from './assign.pure.ts';
import { type Board, hold, unhold } from './board.ts';
import type { Lane } from './lane.ts';
import { endRequest, perform, requeue } from './perform.ts';
import { hasModels, placeByModels, suitsAhead } from './place-models.ts';
import { findPlace, hasWaiting, leastBusy, listBusy, type PoolIndex } from './pool-index.ts';
import { countLeasing, countOtherInstances, maxInstancesOf, mayRunOn } from './pools.ts';
import { room, type Slots } from './slots.ts';

const LEASE_PAUSE_MS = 1_000;

export function pump(board: Board): void {
  if (!board.isOpen) return;
  for (const index of board.touched) {
    give(board, index);
    if (!hasWaiting(index)) rebalance(board, index);
    board.touched.delete(index);
  }
}

// Until nobody has room or nobody waits.
function give(board: Board, index: PoolIndex): void {
  if (!giveByModels(board, index)) giveByLevel(board, index);
  for (const slots of index.changed) {
    index.changed.delete(slots);
    if (index.limited.size > 0) giveTo(board, index, slots);
  }
  for (const lane of index.opened) {
    while (lane.size > 0) {
      const slots = findPlace(index, lane.deploymentId);
      if (slots === undefined || !giveTo(board, index, slots)) break;
    }
    index.opened.delete(lane);
  }
}

// Level by level: a second request ahead on one instance only when every other has as much to do.
function giveByLevel(board: Board, index: PoolIndex): void {
  while (index.free.size > 0) {
    const slots = leastBusy(index);
    if (slots === undefined || !giveTo(board, index, slots)) return;
  }
}

const LOOK_AGAIN_MS = 1_000;

/** True while graphs with models wait on: nobody else may be given what they are kept waiting for. */
function giveByModels(board: Board, index: PoolIndex): boolean {
  while (hasModels(board, index)) {
    const placed = placeByModels(board, index);
    const request = placed && board.waiting.shift(placed.deploymentId);
    if (placed === undefined || request === undefined) {
      if (index.open[0]?.last) lookAgain(board, index);
      else for (const slots of [...firstOf(listBusy(index), LOOKS)]) giveTo(board, index, slots);
      return true;
    }
    hold(board, request, placed.slots, placed.because);
    void leaseAndPerform(board, { request, slots: placed.slots, index });
  }
  return false;
}

// It waits by choice although an instance is idle: the choice is made anew when the runs it waits for take longer.
function lookAgain(board: Board, index: PoolIndex): void {
  if (index.isLookedAtAgain) return;
  index.isLookedAtAgain = true;
  const look = () => {
    index.isLookedAtAgain = false;
    board.touched.add(index);
    board.pump();
  };
  setTimeout(look, LOOK_AGAIN_MS).unref();
}

function giveTo(board: Board, index: PoolIndex, slots: Slots): boolean {
  const free = slots.pending === 0 ? 1 : room(slots);
  for (let given = 0; given < free; given += 1) {
    const choice = chooseNext(viewLanes(board, index, slots), board.usage);
    if (choice && !suitsAhead(board, index, { ...choice, slots })) return given > 0;
    const request = choice && board.waiting.shift(choice.deploymentId);
    if (choice === undefined || request === undefined) return given > 0;
    hold(board, request, slots, choice.because);
    void leaseAndPerform(board, { request, slots, index });
  }
  return free > 0;
}

function viewLanes(board: Board, index: PoolIndex, slots: Slots): LaneView[] {
  const views: LaneView[] = [];
  for (const lane of index.free.values()) addView(views, lane, ANYWHERE);
  if (index.limited.size === 0) return views;
  for (const deploymentId of slots.deployments.keys()) {
    const lane = index.limited.get(deploymentId);
    if (lane === undefined) continue;
    const otherInstances = countOtherInstances(board, deploymentId, slots);
    addView(views, lane, { otherInstances, maxInstances: maxInstancesOf(board, deploymentId) });
  }
  return views;
}

/** Of those that are not limited the index knows it; with many deployments, counting again is what would take longest. */
const ANYWHERE = { otherInstances: 0, maxInstances: 1 };

function addView(views: LaneView[], lane: Lane, limit: Pick<LaneView, 'otherInstances' | 'maxInstances'>): void {
  const { accountId, deploymentId } = lane;
  const head = lane.peek();
  if (head === undefined) return;
  const { priority: headPriority, createdAt: headCreatedAt } = head;
  const { otherInstances, maxInstances } = limit;
  views.push({ accountId, deploymentId, headPriority, headCreatedAt, otherInstances, maxInstances });
}

/** Below this, what waits ahead on a busy instance starts sooner there than it could be moved. */
const WORTH_MOVING_MS = 500;
/** At most so many are looked at, each time others. */
const LOOKS = 8;

// Nobody waits and an instance is idle: it takes what is given ahead to a busy one and not sent yet.
function rebalance(board: Board, index: PoolIndex): void {
  if (index.crowded.size === 0) return;
  const idle = leastBusy(index);
  if (idle === undefined || idle.pending > 0) return;
  for (const slots of [...firstOf(index.crowded, LOOKS)]) {
    const unsent = slots.meanRunMs < WORTH_MOVING_MS ? undefined : findUnsentFor(board, idle, slots);
    if (unsent) {
      // Until the one that leaves waits again, no other is moved.
      if (!unsent.signal.aborted) unsent.leave('moved to an idle instance before it was sent');
      return;
    }
    index.crowded.delete(slots);
    index.crowded.add(slots);
  }
}

function findUnsentFor(board: Board, idle: Slots, { attempts }: Slots): Attempt | undefined {
  for (const attempt of attempts) {
    const { isWatched, request } = attempt;
    if (isWatched || !mayRunOn(board, request.deploymentId, idle)) continue;
    // It was given ahead because its models are there.
    const models = board.models.of(request);
    if (models === '' || models === idle.loaded) return attempt;
  }
  return undefined;
}

function* firstOf<T>(items: Iterable<T>, count: number): IterableIterator<T> {
  let left = count;
  for (const item of items) {
    if (left === 0) return;
    left -= 1;
    yield item;
  }
}

interface Lease {
  readonly request: LiveRequest;
  readonly slots: Slots;
  readonly index: PoolIndex;
}

async function leaseAndPerform(board: Board, { request, slots, index }: Lease): Promise<void> {
  const { writes, log, clock } = board.deps.execution;
  const { id, epoch, promptId = '' } = request;
  const wish = { requestId: id, epoch, instanceId: slots.instance.id, promptId, now: clock.now() };
  try {
    const isLeased = await countLeasing(board, index, writes.lease(wish));
    if (isLeased) return perform(board, { request, slots, isResumed: false });
    unhold(request, slots);
    await leaveLease(board, request);
  } catch (error) {
    if (request.phase === 'leased') unhold(request, slots);
    log.error({ requestId: id, ...describeError(error) }, 'a lease could not be taken');
    setTimeout(() => requeue(board, request), LEASE_PAUSE_MS).unref();
  }
}

// A cancel was faster. Memory hears of it in a moment, or never: when the wish was kept and the answer to it got lost.
async function leaveLease(board: Board, request: LiveRequest): Promise<void> {
  if (request.stop === undefined && (await hasCancelWish(board.deps.execution.db, request.id))) {
    wishStop(request, { kind: 'cancel' });
  }
  if (request.stop) return await endRequest(board, request, request.stop);
  // The replica that took it in withdrew it: its submit was refused, although its row arrived.
  if (!(await isUnfinished(board.deps.execution.db, request.id))) return board.deps.execution.live.remove(request.id);
  board.deps.execution.log.warn({ requestId: request.id }, 'a lease was refused for no known reason; trying again');
  setTimeout(() => requeue(board, request), LEASE_PAUSE_MS).unref();
}
