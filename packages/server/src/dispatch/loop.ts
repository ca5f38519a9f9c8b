// Gives waiting requests to instances that have room. Event-driven: a submit, an ended run, an instance that became ready
// wake it in their own turn; nothing polls. gather (waiting, slots) → decide (assign.pure.ts) → act (lease, run).
import type { DeploymentDirectory } from '../deployments/directory.ts';
import { createAttempt, type ExecutionDeps } from '../execution/attempt.ts';
import { runAttempt } from '../execution/run.ts';
import type { Fleet, Instance } from '../instances/fleet.ts';
import { finishRequest } from '../requests/finish.ts';
import { type LiveRequest, type StopWish, wishStop } from '../requests/live.ts';
import type { RequestQueue } from '../requests/submit.ts';
import { describeError } from '../telemetry/log.ts';
import { chooseNext, type LaneView } from './assign.pure.ts';
import { createPayloadBudget } from './payload-budget.ts';
import { capacity, createSlots, enter, learnRun, leave, room, type Slots } from './slots.ts';
import { createUsage } from './usage.ts';
import { createWaiting } from './waiting.ts';

export interface Dispatcher extends RequestQueue {
  /** 1 = next to run; undefined once it is on an instance. */
  position(request: LiveRequest): number | undefined;
  /** Ends a request early, wherever it is. */
  stopRequest(request: LiveRequest, wish: StopWish): void;
  /** The request waits again, at the head of its queue. */
  requeue(request: LiveRequest): void;
  /** Limits may have changed, or deployments were closed. */
  refreshLimits(): void;
  /** After a restart: a request that waited, and one that was leased. */
  restoreWaiting(request: LiveRequest): void;
  resumeOn(request: LiveRequest, instance: Instance): void;
  start(): void;
  /** No new work is given; resolves when the attempts under way have ended or the time is over. */
  drain(graceMs: number): Promise<void>;
  readonly waitingCount: number;
  readonly activeCount: number;
}

interface Deps {
  readonly fleet: Fleet;
  readonly directory: DeploymentDirectory;
  readonly newId: () => string;
  readonly execution: Omit<ExecutionDeps, 'requeue'>;
}

export function createDispatcher(deps: Deps): Dispatcher {
  const { clock, log, writes, live } = deps.execution;
  const waiting = createWaiting();
  const usage = createUsage(() => clock.now());
  const budget = createPayloadBudget();
  const slotsById = new Map<string, Slots>();
  const running = new Set<Promise<void>>();
  const limits = new Map<string, number>();
  let isOpen = false;
  let isPumping = false;
  const execution: ExecutionDeps = { ...deps.execution, requeue };

  function slotsOf(instance: Instance): Slots {
    const known = slotsById.get(instance.id) ?? createSlots(instance);
    slotsById.set(instance.id, known);
    return known;
  }

  function otherInstances(deploymentId: string, except: Slots): number {
    let count = 0;
    for (const slots of slotsById.values()) if (slots !== except && slots.deployments.has(deploymentId)) count += 1;
    return count;
  }

  function viewLanes(slots: Slots): LaneView[] {
    const views: LaneView[] = [];
    for (const lane of waiting.lanes()) {
      const head = lane.peek();
      if (head === undefined) continue;
      views.push({
        accountId: lane.accountId,
        deploymentId: lane.deploymentId,
        headPriority: head.priority,
        headCreatedAt: head.createdAt,
        otherInstances: otherInstances(lane.deploymentId, slots),
        maxInstances: limits.get(lane.deploymentId) ?? 1,
      });
    }
    return views;
  }

  // The instance with the least to do first, so that work spreads before it piles up.
  function readySlots(): Slots[] {
    return deps.fleet
      .ready()
      .map(slotsOf)
      .sort((a, b) => a.pending - b.pending);
  }

  function pump() {
    if (!isOpen || isPumping) return;
    isPumping = true;
    try {
      while (waiting.size > 0 && giveOne()) {
        // until nobody has room or nobody waits
      }
    } finally {
      isPumping = false;
    }
  }

  function giveOne(): boolean {
    let gave = false;
    for (const slots of readySlots()) {
      // Level by level: a second one ahead here only when every other instance has as much to do.
      let free = slots.pending === 0 ? 1 : room(slots);
      while (free > 0 && waiting.size > 0) {
        const choice = chooseNext(viewLanes(slots), usage);
        const request = choice && waiting.shift(choice.deploymentId);
        if (request === undefined) break;
        void leaseAndRun(request, slots);
        gave = true;
        free -= 1;
      }
    }
    return gave;
  }

  async function leaseAndRun(request: LiveRequest, slots: Slots) {
    const epoch = request.epoch + 1;
    const promptId = deps.newId();
    hold(request, slots, { epoch, promptId });
    try {
      const wish = { requestId: request.id, epoch, instanceId: slots.instance.id, promptId, now: clock.now() };
      if (await writes.lease(wish)) return run(request, slots, false);
      request.epoch = epoch - 1;
      unhold(request, slots);
      // A cancel was faster: its wish is in the row, and in memory in a moment.
      if (request.stop) await end(request, request.stop);
      else if (live.get(request.id) === request) setImmediate(() => requeue(request));
    } catch (error) {
      unhold(request, slots);
      request.epoch = epoch - 1;
      log.error({ requestId: request.id, ...describeError(error) }, 'a lease could not be taken');
      if (isOpen) setTimeout(() => requeue(request), 1_000);
    }
  }

  function hold(request: LiveRequest, slots: Slots, lease: { epoch: number; promptId: string }) {
    request.phase = 'leased';
    request.epoch = lease.epoch;
    request.instanceId = slots.instance.id;
    request.promptId = lease.promptId;
    request.leasedAt = clock.now();
    enter(slots, request.deploymentId);
  }

  function unhold(request: LiveRequest, slots: Slots) {
    request.phase = 'queued';
    request.instanceId = undefined;
    request.promptId = undefined;
    request.leasedAt = undefined;
    leave(slots, request.deploymentId);
  }

  function run(request: LiveRequest, slots: Slots, isResumed: boolean) {
    let isOver = false;
    const onRunOver = () => {
      if (isOver) return;
      isOver = true;
      leave(slots, request.deploymentId);
      if (request.startedAt !== undefined) {
        const runMs = clock.now() - request.startedAt;
        usage.add(request.accountId, runMs);
        learnRun(slots, runMs);
      }
      pump();
    };
    const { instance } = slots;
    const attempt = createAttempt({
      request,
      instance,
      turn: slots.turn,
      store: execution.store,
      isResumed,
      onRunOver,
    });
    slots.attempts.add(attempt);
    const done: Promise<void> = runAttempt(execution, attempt)
      .catch((error) =>
        log.error({ requestId: request.id, ...describeError(error) }, 'an attempt could not be settled'),
      )
      .finally(() => {
        slots.attempts.delete(attempt);
        running.delete(done);
        // An attempt that never got to run gives its place back here.
        if (!attempt.isWatched) onRunOver();
      });
    running.add(done);
  }

  function requeue(request: LiveRequest) {
    if (live.get(request.id) !== request) return;
    if (request.stop) {
      void end(request, request.stop);
      return;
    }
    request.phase = 'queued';
    waiting.pushFront(request);
    pump();
  }

  async function end(request: LiveRequest, wish: StopWish) {
    try {
      const ending =
        wish.kind === 'cancel'
          ? { kind: 'cancelled' as const }
          : { kind: 'failed' as const, code: wish.code, details: wish.details, debugInfo: '' };
      await finishRequest(execution, request, ending);
    } catch (error) {
      log.error({ requestId: request.id, ...describeError(error) }, 'a waiting request could not be ended');
    }
  }

  async function refreshLimit(deploymentId: string) {
    const deployment = await deps.directory.find(deploymentId);
    if (deployment) limits.set(deploymentId, deployment.maxInstances);
  }

  deps.fleet.listen({
    onReady: () => pump(),
    onLost(instance) {
      const slots = slotsById.get(instance.id);
      const reason = instance.reason ?? 'the instance was lost';
      // What was not sent yet is free to go elsewhere; what was sent finds out for itself (watch.ts).
      for (const attempt of slots?.attempts ?? []) if (!attempt.isWatched) attempt.leave(reason);
    },
    onGone(instance) {
      const slots = slotsById.get(instance.id);
      slotsById.delete(instance.id);
      const reason = `the instance is gone: ${instance.reason ?? 'its process ended'}`;
      for (const attempt of slots?.attempts ?? []) {
        attempt.leave(reason);
        attempt.onGone?.(reason);
      }
    },
  });

  return {
    reserve(request) {
      if (!isOpen || waiting.size > 0) return false;
      const max = limits.get(request.deploymentId);
      if (max === undefined) return false;
      const slots = readySlots().find((s) => capacity(s) > s.pending && otherInstances(request.deploymentId, s) < max);
      if (slots === undefined) return false;
      hold(request, slots, { epoch: 1, promptId: deps.newId() });
      return true;
    },
    release(request) {
      const slots = request.instanceId === undefined ? undefined : slotsById.get(request.instanceId);
      if (slots) unhold(request, slots);
    },
    accept(request) {
      budget.take(request);
      const slots = request.instanceId === undefined ? undefined : slotsById.get(request.instanceId);
      if (slots && isOpen) return run(request, slots, false);
      if (request.instanceId !== undefined) {
        // The instance went away between the reservation and the commit; nothing was sent.
        const lease = { instanceId: request.instanceId, promptId: request.promptId, startedAt: undefined };
        void writes
          .returnLease({
            ...lease,
            requestId: request.id,
            epoch: 1,
            losses: 0,
            endedAt: clock.now(),
            cause: 'the instance went away before the prompt was sent',
          })
          .then(() => requeue(request))
          .catch((error) => log.error(describeError(error), 'a reserved lease could not be returned'));
        return;
      }
      if (request.stop) return void end(request, request.stop);
      waiting.push(request);
      if (limits.has(request.deploymentId)) pump();
      else void refreshLimit(request.deploymentId).then(pump);
    },
    position(request) {
      if (request.phase !== 'queued' && request.phase !== 'leased') return undefined;
      const ahead = [...slotsById.values()]
        .flatMap((slots) => [...slots.attempts].map((attempt) => attempt.request))
        .filter((other) => other.phase === 'leased' && other.deploymentId === request.deploymentId);
      if (request.phase === 'leased') return Math.max(1, ahead.indexOf(request) + 1);
      const rank = waiting.rank(request);
      return rank === undefined ? 1 : rank + ahead.length;
    },
    stopRequest(request, wish) {
      wishStop(request, wish);
      if (waiting.remove(request)) void end(request, wish);
    },
    requeue,
    refreshLimits() {
      limits.clear();
      const refreshed = [...waiting.lanes()].map((lane) => refreshLimit(lane.deploymentId));
      void Promise.allSettled(refreshed).then(pump);
    },
    restoreWaiting(request) {
      if (request.stop) return void end(request, request.stop);
      waiting.push(request);
      if (!limits.has(request.deploymentId)) void refreshLimit(request.deploymentId).then(pump);
    },
    resumeOn(request, instance) {
      const slots = slotsOf(instance);
      enter(slots, request.deploymentId);
      run(request, slots, true);
    },
    start() {
      isOpen = true;
      pump();
    },
    async drain(graceMs) {
      isOpen = false;
      for (const slots of slotsById.values()) {
        for (const attempt of slots.attempts) if (!attempt.isWatched) attempt.leave('the service is stopping');
      }
      const timer = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
      await Promise.race([Promise.allSettled(running), timer]);
    },
    get waitingCount() {
      return waiting.size;
    },
    get activeCount() {
      return running.size;
    },
  };
}
