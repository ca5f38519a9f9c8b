// What dispatch knows, in one place: who waits, what each instance has to do, how far each deployment may spread. An index
// in memory, which recovery/ fills after a start; every function of this folder that is not pure reads or changes it.
import type { Deployment, DeploymentDirectory } from '../deployments/directory.ts';
import type { Pool } from '../deployments/pool.pure.ts';
import type { ExecutionDeps } from '../execution/attempt.ts';
import type { Fleet, Instance } from '../instances/fleet.ts';
import { type Backlog, createBacklog } from './backlog.ts';
import { createModelSets, type ModelSets } from './model-sets.ts';
import { createPayloadBudget } from './payload-budget.ts';
import type { PoolIndex } from './pool-index.ts';
import { addLane, learnPool, onSpread, onWork, removeLane } from './pools.ts';
import { createRunTimes, type RunTimes } from './run-times.ts';
import { createSlots, type Slots, type SlotsWatch } from './slots.ts';
import { createUsage, type Usage } from './usage.ts';
import { createWaiting, type Waiting } from './waiting.ts';

export interface DispatchDeps {
  readonly fleet: Fleet;
  readonly directory: DeploymentDirectory;
  readonly newId: () => string;
  /** Absent where all instances are simply there and serve everybody. */
  readonly poolOf?: (deployment: Deployment) => Pool;
  /** When each instance that starts for the deployment is expected to answer, from now; none where nobody knows. */
  readonly readyInMs?: (deploymentId: string) => readonly number[];
  readonly execution: Omit<ExecutionDeps, 'requeue' | 'hasBacklog'>;
}

export interface Board {
  readonly deps: DispatchDeps;
  readonly waiting: Waiting;
  /** What waits and is in none of its lanes yet. */
  readonly backlog: Backlog;
  readonly usage: Usage;
  readonly runTimes: RunTimes;
  readonly models: ModelSets;
  readonly budget: ReturnType<typeof createPayloadBudget>;
  readonly slotsById: Map<string, Slots>;
  /** Hear of every change of what waits and of what instances have to do (demand.ts). */
  readonly demandListeners: ((deploymentId: string) => void)[];
  readonly slotsWatch: SlotsWatch;
  /** max_instances of the deployments that were asked for lately. */
  readonly limits: Map<string, number>;
  /** Whose instances may run them; kept when limits are read anew (pools.ts). */
  readonly pools: Map<string, Pool>;
  readonly indexes: Map<string, PoolIndex>;
  /** Pools that something happened to since they were looked at. */
  readonly touched: Set<PoolIndex>;
  /** Of each deployment: the instances its requests are on. */
  readonly spread: Map<string, Set<Slots>>;
  /** Attempts under way, until they are settled. */
  readonly running: Set<Promise<void>>;
  /** False before the start and while the service stops: nothing new is given out. */
  isOpen: boolean;
  /** Gives out what can be given out now (loop.ts). Work that ends calls it, so it is here and not an import. */
  pump(): void;
}

export function createBoard(deps: DispatchDeps, pump: (board: Board) => void): Board {
  const demandListeners: Board['demandListeners'] = [];
  const onChange = (deploymentId: string) => {
    for (const listener of demandListeners) listener(deploymentId);
  };
  const board: Board = {
    deps,
    waiting: createWaiting({
      onChange,
      onOpened: (lane) => addLane(board, lane),
      onClosed: (lane) => removeLane(board, lane),
    }),
    backlog: createBacklog(onChange),
    demandListeners,
    slotsWatch: {
      now: () => deps.execution.clock.now(),
      onChange,
      onWork: (slots) => onWork(board, slots),
      onSpread: (slots, change) => onSpread(board, slots, change),
    },
    usage: createUsage(() => deps.execution.clock.now()),
    runTimes: createRunTimes(),
    models: createModelSets(() => deps.execution.clock.now()),
    budget: createPayloadBudget(),
    slotsById: new Map(),
    limits: new Map(),
    pools: new Map(),
    indexes: new Map(),
    touched: new Set(),
    spread: new Map(),
    running: new Set(),
    isOpen: false,
    pump: () => pump(board),
  };
  return board;
}

export function slotsOf(board: Board, instance: Instance): Slots {
  const known = board.slotsById.get(instance.id);
  if (known) return known;
  const made = createSlots(instance, board.slotsWatch);
  board.slotsById.set(instance.id, made);
  return made;
}

export async function refreshLimit(board: Board, deploymentId: string): Promise<void> {
  const deployment = await board.deps.directory.find(deploymentId);
  if (deployment === undefined) return;
  learnPool(board, deploymentId, { pool: board.deps.poolOf?.(deployment), max: deployment.maxInstances });
}
