// The instances that exist now, and whether they answer. Providers make them; connections watch them; dispatch asks for
// the ready ones; scaling asks for more and takes them away. Made by app-fleet.ts, started by brain.ts.
import { DEFAULT_POOL } from '../deployments/pool.pure.ts';
import { awakeNow } from '../telemetry/awake-time.ts';
import { describeError } from '../telemetry/log.ts';
import { createFleetState, type FleetDeps, type FleetState } from './fleet-state.ts';
import { HEALTHY, judgeHealth, type RunReport } from './health.pure.ts';
import type { AskedInstance, FleetListener, Instance } from './instance.ts';
import { becomeDraining, becomeLost, becomeReady, LOST_MS, removeInstance } from './instance-steps.ts';
import { createObjectInfoReader, type ReadObjectInfo } from './known-object-info.ts';
import type { GoneInstance } from './lives.ts';
import type { InstanceSpec, Room } from './provider.ts';
import { createInstance, makerOf, startProviders } from './start-instance.ts';

export type { AskedInstance, FleetListener, Instance, LocalFolders } from './instance.ts';

/** What shows that an instance's worker is dead: a prompt that it has begun, or one that it lets wait. */
export interface DeadWorker {
  readonly promptId: string;
  readonly hasBegun: boolean;
}

export interface Fleet {
  get(id: string): Instance | undefined;
  /**
   * Of one that is on record and that its provider could not ask about yet: resolves with it once it is found, with
   * undefined when it is gone. undefined: it is known what became of it.
   */
  settling(id: string): Promise<Instance | undefined> | undefined;
  /** Those that take requests; of one pool, or all. */
  ready(pool?: string): Instance[];
  all(): Instance[];
  /** Asked for, without an address yet. */
  asked(): AskedInstance[];
  /** undefined when its provider has no log of it; also of one that is gone. */
  logTail(instance: { readonly id: string }): Promise<string[] | undefined>;
  /** An account's instances of a pool that went lately, newest first; with `id` that one alone. */
  listGone(of: { pool: string; accountId: string; id?: string }): Promise<GoneInstance[]>;
  listen(listener: FleetListener): void;
  /** How many more of a SKU can be made now; undefined: any number. */
  roomFor(sku: string): Room | undefined;
  /** Asks for an instance. Trouble with the provider comes as onStartFailed. */
  create(spec: InstanceSpec): Promise<void>;
  /** It takes nothing more; whoever drains it removes it when it is empty. */
  drain(id: string, because: string): void;
  /** Ends a started instance, whatever it does. */
  remove(id: string, because: string): void;
  /** A run ended there: an instance that spoils what it is given is taken out of use. */
  reportRun(instance: Instance, run: RunReport): void;
  /** It answers, and its worker runs nothing: given no work until that prompt is gone from it. */
  reportDeadWorker(instance: Instance, of: DeadWorker): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Asks a ready instance that serves everybody, waiting a little for the first one after a start; with a pool, one of its
   * own. undefined when none answers.
   */
  captureObjectInfo(pool?: string): Promise<string | undefined>;
  /** Of one instance, read at most so long ago. */
  objectInfoOf: ReadObjectInfo;
}

const FIRST_INSTANCE_MS = 5_000;
const REVIVAL_MS = 500;

export function createFleet(deps: FleetDeps): Fleet {
  const state = createFleetState(deps);
  const { instances } = state;
  return {
    get: (id) => instances.get(id),
    settling: (id) => state.unsettled.get(id)?.known,
    ready: (pool) => listReady(state, pool),
    all: () => [...instances.values()],
    asked: () => [...state.asked.values()],
    logTail: async ({ id }) => await state.providerOf.get(id)?.logTail?.(id),
    listGone: async (of) => (await deps.lives?.listGone(of)) ?? [],
    listen: (listener) => void state.listeners.push(listener),
    roomFor: (sku) => makerOf(state, sku)?.roomFor?.(sku, listAsked(state)),
    create: (spec) => createInstance(state, spec),
    drain(id, because) {
      const instance = instances.get(id);
      if (instance) becomeDraining(state, instance, because);
    },
    remove: (id, because) => removeInstance(state, id, { because }),
    reportRun: (instance, run) => judgeRun(state, instance, run),
    reportDeadWorker: (instance, of) => quarantine(state, instance, of),
    start: () => startProviders(state),
    async stop() {
      state.isStopping = true;
      for (const stop of state.dues.values()) stop();
      await Promise.all([...instances.values()].map((instance) => instance.connection.close()));
      await Promise.all(deps.providers.map((provider) => provider.stop()));
      for (const { timer } of state.removals.values()) clearTimeout(timer);
      await deps.lives?.stop();
      instances.clear();
    },
    captureObjectInfo: (pool) => captureObjectInfo(state, pool),
    objectInfoOf: createObjectInfoReader(),
  };
}

function listAsked({ asked }: FleetState): InstanceSpec[] {
  return [...asked.values()].map(({ spec }) => spec);
}

function listReady({ instances }: FleetState, pool?: string): Instance[] {
  return [...instances.values()].filter(
    (instance) => instance.phase === 'ready' && (pool === undefined || instance.pool === pool),
  );
}

function judgeRun(state: FleetState, instance: Instance, run: RunReport): void {
  const { versionId } = run;
  const judged = judgeHealth(state.health.get(instance.id) ?? HEALTHY, {
    ...run,
    isProven: state.proven.has(versionId),
  });
  const { health, verdict } = judged;
  if (run.kind === 'ok') state.proven.add(versionId);
  if (!state.instances.has(instance.id)) return;
  state.health.set(instance.id, health);
  if (verdict.kind === 'fine') return;
  state.health.set(instance.id, HEALTHY);
  state.deps.log.error({ instanceId: instance.id, reason: verdict.because }, 'an instance is unfit for work');
  if (instance.spec) {
    removeInstance(state, instance.id, verdict);
    return;
  }
  const provider = state.providerOf.get(instance.id);
  // Somebody else's: it cannot be restarted, and is everybody's only one, so it is said and goes on.
  if (provider?.restart) provider.restart(instance.id);
  else if (instance.phase === 'ready') instance.reason = verdict.because;
}

const DEAD = 'its worker is dead: it answers and runs nothing';

function quarantine(state: FleetState, instance: Instance, of: DeadWorker): void {
  if (instance.spec) removeInstance(state, instance.id, { because: DEAD });
  else if (instance.phase === 'ready') waitForRevival(state, instance, of);
}

// A new process behind the address opens a new socket and is ready by that; the same one is when the prompt is gone. Where the
// prompt never began that says nothing of the worker: then it is tried again after a while.
function waitForRevival(state: FleetState, instance: Instance, of: DeadWorker): void {
  becomeLost(state, instance, `${DEAD}; restart it`);
  for (const listener of state.listeners) listener.onWorkerDead?.(instance);
  state.providerOf.get(instance.id)?.restart?.(instance.id);
  const triedAgainAt = awakeNow() + (state.deps.lostMs ?? LOST_MS);
  const { promptId } = of;
  let { hasBegun } = of;
  const timer = setInterval(async () => {
    if (instance.phase !== 'lost' || !state.instances.has(instance.id)) return clearInterval(timer);
    const queue = await instance.connection.client.queue().catch(() => undefined);
    if (queue === undefined || instance.phase !== 'lost') return;
    const isRunning = queue.running.includes(promptId);
    hasBegun ||= isRunning;
    if (isRunning || (!hasBegun && awakeNow() < triedAgainAt)) return;
    clearInterval(timer);
    if (instance.connection.isReady()) becomeReady(state, instance);
  }, REVIVAL_MS).unref();
}

async function waitForReady(state: FleetState, waitMs: number): Promise<void> {
  if (listReady(state, DEFAULT_POOL).length > 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, waitMs);
    function done() {
      clearTimeout(timer);
      state.waitingForReady.delete(done);
      resolve();
    }
    state.waitingForReady.add(done);
  });
}

// Of those that serve everybody: what an account's own instances have is not the others' business.
async function captureObjectInfo(state: FleetState, pool?: string): Promise<string | undefined> {
  // Later than that nobody is about to come.
  if (pool === undefined) await waitForReady(state, Math.max(0, state.madeAt + FIRST_INSTANCE_MS - state.deps.now()));
  for (const instance of listReady(state, pool).filter(({ spec }) => pool !== undefined || spec === undefined)) {
    try {
      return (await instance.connection.client.objectInfo()).text;
    } catch (error) {
      const fields = { instanceId: instance.id, ...describeError(error) };
      state.deps.log.warn(fields, 'object_info could not be read');
    }
  }
  return undefined;
}
