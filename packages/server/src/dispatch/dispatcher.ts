// The door of dispatch: what app.ts starts and stops, what submits and cancels call, what instances report to.
//
// How it goes: accept.ts lets a request in, straight onto an instance or into its lane (waiting.ts). Whatever happens marks the
// pools it bears on (pools.ts) and calls the pump of loop.ts, which gives out what can be given out: who and where is decided
// by the pure files, then assign.ts notes it, lease-and-perform.ts has the lease written, and perform.ts runs the attempt,
// whose end pumps again. board.ts is all that is known meanwhile; after a start recovery/ fills it.
import type { Instance } from '../instances/fleet.ts';
import { type LiveRequest, type StopWish, wishStop } from '../requests/live.ts';
import type { RequestQueue } from '../requests/submit.ts';
import { accept, release, reserve, restoreWaiting } from './accept.ts';
import type { Backlog } from './backlog.ts';
import { type Board, createBoard, type DispatchDeps, refreshLimit, slotsOf } from './board.ts';
import { createDemand, type Demand } from './demand.ts';
import type { EtaMs } from './eta.pure.ts';
import { type GuestPlace, type InstanceWork, takeGuestPlace, workOn } from './guests.ts';
import { giveUpAll, giveUpSent, leaveUnsent } from './leave-instance.ts';
import { keepLookingAgain } from './look-again.ts';
import { pump } from './loop.ts';
import { endRequest, perform } from './perform.ts';
import { forgetPools, joinPool } from './pools.ts';
import { relearnModels } from './relearn-models.ts';
import { enter, type Guest } from './slots.ts';
import { etaOf, positionOf } from './standing.ts';

export interface Dispatcher extends RequestQueue {
  /** 1 = next to run; undefined once it is on an instance. */
  position(request: LiveRequest): number | undefined;
  /** When the run of a waiting request will be over, from now; undefined while nothing is known of how long runs take. */
  eta(request: LiveRequest): EtaMs | undefined;
  /** Ends a request early, wherever it is. */
  stopRequest(request: LiveRequest, wish: StopWish): void;
  /** Deployments were edited: their limits may have changed. */
  refreshLimits(): void;
  /** After a restart: a request that waited. */
  restoreWaiting(request: LiveRequest, place?: 'head' | 'tail'): void;
  /** What a start has not read yet. */
  readonly backlog: Backlog;
  /** A cancel is on record of a request that may not be in memory yet. */
  cancelUnread(requestId: string): void;
  /** After a restart: a request whose prompt may be on this instance. */
  resumeOn(request: LiveRequest, instance: Instance): void;
  /** After a restart, once the requests are there: what instances have loaded, from what ran on them. */
  relearnModels(): Promise<void>;
  /** For a prompt of the instance proxy: its turn on the instance, behind what is assigned there. */
  takeGuestPlace(instance: Instance, given: { guest: Guest; signal: AbortSignal }): Promise<GuestPlace | undefined>;
  workOn(instanceId: string): InstanceWork;
  readonly demand: Demand;
  start(): void;
  /** Nothing new is given out; resolves when the attempts under way have ended, or after the time. */
  drain(graceMs: number): Promise<void>;
  /** Nothing new is given out; what was not sent yet is given back. Runs go on. */
  leaveRuns(): Promise<void>;
}

export function createDispatcher(deps: DispatchDeps): Dispatcher {
  const board = createBoard(deps, pump);
  let stopLooking: () => void = () => undefined;
  const close = (graceMs: number) => {
    stopLooking();
    return drain(board, graceMs);
  };
  deps.fleet.listen({
    onReady(instance) {
      joinPool(board, slotsOf(board, instance));
      board.pump();
    },
    onLost: (instance) => leaveUnsent(board, instance),
    onWorkerDead: (instance) => giveUpSent(board, instance),
    onDraining: (instance) => leaveUnsent(board, instance),
    onGone: (instance) => giveUpAll(board, instance),
  });
  return {
    reserve: (request) => reserve(board, request),
    release: (request) => release(board, request),
    accept: (request) => accept(board, request),
    position: (request) => positionOf(board, request),
    eta: (request) => etaOf(board, request),
    stopRequest: (request, wish) => stopRequest(board, request, wish),
    refreshLimits() {
      forgetPools(board);
      const refreshed = [...board.waiting.lanes()].map((lane) => refreshLimit(board, lane.deploymentId));
      void Promise.allSettled(refreshed).then(() => board.pump());
    },
    restoreWaiting: (request, place) => restoreWaiting(board, request, place),
    backlog: board.backlog,
    cancelUnread(requestId) {
      board.backlog.noteCancel(requestId);
      const request = deps.execution.live.get(requestId);
      if (request && request.stop === undefined) stopRequest(board, request, { kind: 'cancel' });
    },
    resumeOn(request, instance) {
      const slots = slotsOf(board, instance);
      enter(slots, request.deploymentId);
      perform(board, { request, slots, isResumed: true });
    },
    relearnModels: () => relearnModels(board),
    takeGuestPlace: (instance, given) => takeGuestPlace(board, instance, given),
    workOn: (instanceId) => workOn(board, instanceId),
    demand: createDemand(board),
    start() {
      board.isOpen = true;
      board.pump();
      stopLooking = keepLookingAgain(board);
    },
    drain: close,
    leaveRuns: () => close(GIVE_BACK_MS),
  };
}

function stopRequest(board: Board, request: LiveRequest, wish: StopWish): void {
  wishStop(request, wish);
  if (board.waiting.remove(request) || board.backlog.remove(request)) void endRequest(board, request, wish);
}

/** Of those that wait for their turn. */
const GIVE_BACK_MS = 250;

async function drain(board: Board, graceMs: number): Promise<void> {
  board.isOpen = false;
  for (const { attempts } of board.slotsById.values()) {
    for (const attempt of attempts) if (!attempt.isSent) attempt.leave('the service is stopping');
  }
  const timeIsOver = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
  await Promise.race([Promise.allSettled(board.running), timeIsOver]);
}
