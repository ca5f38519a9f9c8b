// Where a request runs when what instances have loaded matters: gather → affinity.pure.ts decides → loop.ts acts. Asked only
// while a request whose graph has models waits, or comes in.

import { type ModelLane, type Placement, placeNext } from './affinity.pure.ts';
import type { AccountUsage } from './assign.pure.ts';
import type { Board } from './board.ts';
import { remaining } from './eta.pure.ts';
import { fairUsage } from './fair-usage.pure.ts';
import type { Lane } from './lane.ts';
import { suitsModels } from './next-instance.pure.ts';
import { hasIdle, listBusy, listIdle, type PoolIndex, takesWork } from './pool-index.ts';
import { countInstances, maxInstancesOf } from './pools.ts';
import type { Slots } from './slots.ts';

export function modelsOf(board: Board, lane: Lane): string {
  const head = board.models.isUsed ? lane.peek() : undefined;
  return head === undefined ? '' : board.models.of(head);
}

export function hasModels(board: Board, index: PoolIndex): boolean {
  if (!board.models.isUsed) return false;
  for (const lane of index.anywhere.values()) if (modelsOf(board, lane) !== '') return true;
  return false;
}

/** An idle instance that has them, the one used last first; while none is idle, one that will have them and has room. */
export function findLoaded(index: PoolIndex, models: string): Slots | undefined {
  if (!hasIdle(index)) {
    for (const slots of listBusy(index)) if (slots.planned === models) return slots;
    return undefined;
  }
  let found: Slots | undefined;
  for (const slots of listIdle(index)) if (slots.loaded === models) found = slots;
  return found;
}

/** undefined: whoever waits does better to wait, or no instance is idle. */
export function placeByModels(board: Board, index: PoolIndex): (Placement & { slots: Slots }) | undefined {
  const idle = new Map<string, Slots>();
  for (const slots of listIdle(index)) idle.set(slots.instance.id, slots);
  if (idle.size === 0) return undefined;
  const now = board.deps.execution.clock.now();
  const { sets, instances } = seeInstances(board, index, now);
  const placement = placeNext(
    {
      lanes: [...index.anywhere.values()].flatMap((lane) => viewLane(board, lane, sets) ?? []),
      // What needs no models finds them loaded everywhere.
      free: [...idle.values()].reverse().map(({ instance, loaded }) => ({
        id: instance.id,
        models: loaded === undefined ? [''] : [loaded, ''],
        slots: 2,
      })),
      instances,
      usage: usageNow(board, now),
      demandOf: (models) => ({
        perMs: board.models.perMs(models),
        runMs: board.models.runMs(models) ?? 0,
        loadMs: board.models.loadMs(models),
        replicas: sets.get(models)?.replicas ?? 0,
      }),
    },
    now,
  );
  const slots = placement && idle.get(placement.instanceId);
  return slots && { ...placement, slots };
}

interface SeenSet {
  replicas: number;
  /** Of each busy instance that has it or is about to: when it will be free. */
  readonly busyMs: number[];
}

function seeInstances(board: Board, index: PoolIndex, now: number) {
  const sets = new Map<string, SeenSet>();
  let instances = 0;
  for (const slots of index.ready) {
    if (!takesWork(index, slots)) continue;
    instances += 1;
    const models = slots.pending > 0 ? (slots.planned ?? slots.loaded) : slots.loaded;
    if (models === undefined) continue;
    const seen = sets.get(models) ?? { replicas: 0, busyMs: [] };
    sets.set(models, seen);
    seen.replicas += 1;
    if (slots.pending > 0) seen.busyMs.push(busyMsOf(board, slots, now));
  }
  return { sets, instances };
}

function busyMsOf(board: Board, slots: Slots, now: number): number {
  let ms = Math.max(0, slots.pending - slots.attempts.size) * slots.meanRunMs;
  for (const { request } of slots.attempts) {
    if (request.phase === 'collecting') continue;
    const time = board.runTimes.of(request.versionId) ?? { meanMs: slots.meanRunMs, variance: slots.meanRunMs ** 2 };
    ms += request.phase === 'running' ? remaining(time, now - (request.startedAt ?? now)).meanMs : time.meanMs;
  }
  return ms;
}

function viewLane(board: Board, lane: Lane, sets: ReadonlyMap<string, SeenSet>): ModelLane | undefined {
  const head = lane.peek();
  if (head === undefined) return undefined;
  const models = board.models.of(head);
  const isNone = models === '';
  return {
    accountId: lane.accountId,
    deploymentId: lane.deploymentId,
    headPriority: head.priority,
    headCreatedAt: head.createdAt,
    // Of an idle instance: it is none of those that the deployment is on.
    otherInstances: countInstances(board, lane.deploymentId),
    maxInstances: maxInstancesOf(board, lane.deploymentId),
    models,
    waiting: lane.size,
    runMs: (isNone ? undefined : board.models.runMs(models)) ?? board.runTimes.of(head.versionId)?.meanMs ?? 0,
    loadMs: isNone ? 0 : board.models.loadMs(models),
    warmBusyMs: sets.get(models)?.busyMs ?? [],
  };
}

/** Runs that go on count with what they have taken. */
function usageNow(board: Board, now: number): AccountUsage {
  const runningMs = new Map<string, number>();
  for (const { attempts } of board.slotsById.values()) {
    for (const { request } of attempts) {
      if (request.phase !== 'running' || request.startedAt === undefined) continue;
      const sum = (runningMs.get(request.accountId) ?? 0) + now - request.startedAt;
      runningMs.set(request.accountId, sum);
    }
  }
  return fairUsage(board.usage, runningMs);
}

/** Whether the busy instance may be given the deployment's next request ahead. */
export function suitsAhead(
  board: Board,
  index: PoolIndex,
  { deploymentId, slots }: { deploymentId: string; slots: Slots },
) {
  const lane = index.anywhere.get(deploymentId);
  return lane === undefined || suitsModels(modelsOf(board, lane), slots.planned);
}
