// The loop of dispatch: gives waiting requests to instances that have room. Gather (board.ts, pool-index.ts) → decide (where:
// next-instance.pure.ts, who: assign.pure.ts; both by affinity.pure.ts where models have to be loaded) → act (assign.ts,
// lease-and-perform.ts). Event-driven: a submit, an ended run, an instance that became ready call it in their own turn;
// nothing polls. (How many instances there are: scaling/loop.ts.)
import { chooseNext, type LaneView } from './assign.pure.ts';
import { assign } from './assign.ts';
import type { Board } from './board.ts';
import type { Lane } from './lane.ts';
import { leaseAndPerform } from './lease-and-perform.ts';
import { countToGive } from './next-instance.pure.ts';
import { hasModels, placeByModels, suitsAhead } from './place-models.ts';
import { hasIdle, hasWaiting, leastBusy, listBusy, type PoolIndex } from './pool-index.ts';
import { countOtherInstances, findPlaceWhereItIs, maxInstancesOf } from './pools.ts';
import { firstOf, LOOKS, rebalance } from './rebalance.ts';
import type { Slots } from './slots.ts';

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
  giveAnywhere(board, index);
  giveWhereRoomCame(board, index);
  giveWhereTheyAre(board, index);
}

/** What may go to any instance of the pool. */
function giveAnywhere(board: Board, index: PoolIndex): void {
  while (!giveByModels(board, index)) {
    giveByLevel(board, index);
    // Behind what was given now, some with models may have come to the front.
    if (!hasModels(board, index)) return;
  }
}

/** For deployments at their limit an instance that has changed may have room now; the others have none, as before. */
function giveWhereRoomCame(board: Board, index: PoolIndex): void {
  for (const slots of index.changed) {
    index.changed.delete(slots);
    if (index.atLimit.size > 0) giveTo(board, index, slots);
  }
}

/** Of a deployment that waits at its limit from now on, each instance that it is on may have room. */
function giveWhereTheyAre(board: Board, index: PoolIndex): void {
  for (const lane of index.newAtLimit) {
    while (lane.size > 0) {
      const slots = findPlaceWhereItIs(board, index, lane.deploymentId);
      if (slots === undefined || !giveTo(board, index, slots)) break;
    }
    index.newAtLimit.delete(lane);
  }
}

// Level by level: a second request ahead on one instance only when every other has as much to do.
function giveByLevel(board: Board, index: PoolIndex): void {
  while (index.anywhere.size > 0) {
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
      if (hasIdle(index)) lookAgain(board, index);
      else giveAhead(board, index);
      return true;
    }
    assign(board, request, placed.slots, placed.because);
    void leaseAndPerform(board, { request, slots: placed.slots, index });
  }
  return false;
}

/** To the busy ones with the least to do, each what it will have loaded. */
function giveAhead(board: Board, index: PoolIndex): void {
  for (const slots of [...firstOf(listBusy(index), LOOKS)]) giveTo(board, index, slots);
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
  const count = countToGive(slots);
  for (let given = 0; given < count; given += 1) {
    const choice = chooseNext(viewLanes(board, index, slots), board.usage);
    if (choice && !suitsAhead(board, index, { ...choice, slots })) return given > 0;
    const request = choice && board.waiting.shift(choice.deploymentId);
    if (choice === undefined || request === undefined) return given > 0;
    assign(board, request, slots, choice.because);
    void leaseAndPerform(board, { request, slots, index });
  }
  return count > 0;
}

function viewLanes(board: Board, index: PoolIndex, slots: Slots): LaneView[] {
  const views: LaneView[] = [];
  for (const lane of index.anywhere.values()) addView(views, lane, ANYWHERE);
  if (index.atLimit.size === 0) return views;
  for (const deploymentId of slots.deployments.keys()) {
    const lane = index.atLimit.get(deploymentId);
    if (lane === undefined) continue;
    const otherInstances = countOtherInstances(board, deploymentId, slots);
    addView(views, lane, { otherInstances, maxInstances: maxInstancesOf(board, deploymentId) });
  }
  return views;
}

/** Of those that are not at their limit the index knows it; with many deployments, counting again is what would take longest. */
const ANYWHERE = { otherInstances: 0, maxInstances: 1 };

function addView(views: LaneView[], lane: Lane, limit: Pick<LaneView, 'otherInstances' | 'maxInstances'>): void {
  const { accountId, deploymentId } = lane;
  const head = lane.peek();
  if (head === undefined) return;
  const { priority: headPriority, createdAt: headCreatedAt } = head;
  const { otherInstances, maxInstances } = limit;
  views.push({ accountId, deploymentId, headPriority, headCreatedAt, otherInstances, maxInstances });
}
