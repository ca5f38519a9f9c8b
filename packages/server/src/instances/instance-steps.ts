// The steps of an instance's life (lifecycle.pure.ts): each is taken once, told to those who listen, and put on record. Called
// by fleet.ts and start-instance.ts, by connections and by providers.
import { DEFAULT_POOL } from '../deployments/pool.pure.ts';
import { describeError } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { createConnection, type InstanceConnection } from './connection.ts';
import { findGpus } from './find-gpus.ts';
import { clearDue, type FleetState, forgetOldest, type Removal, setDue, settle } from './fleet-state.ts';
import { HEALTHY } from './health.pure.ts';
import type { Instance } from './instance.ts';
import { beginLife, type Life, type LifeStep, takeStep } from './lifecycle.pure.ts';
import { findFolders } from './local-folders.ts';
import type { GoneKind, ProvidedInstance, Provider } from './provider.ts';

export function addInstance(state: FleetState, provider: Provider, made: ProvidedInstance): Instance {
  const { deps } = state;
  const { spec } = made;
  const asked = state.asked.get(made.id);
  state.asked.delete(made.id);
  state.providerOf.set(made.id, provider);
  const connection = connect(state, provider, { made, instance: () => instance });
  const now = deps.now();
  const life = asked && takeStep(asked.life, { phase: 'starting', at: now, reason: whyAgain(asked.life) });
  const instance: Instance = {
    id: made.id,
    provider: provider.kind,
    pool: spec?.pool ?? made.pool ?? DEFAULT_POOL,
    spec,
    askedAt: asked?.askedAt ?? now,
    connection,
    gpus: undefined,
    folders: made.folders && { ...made.folders, isOwn: true },
    life: life ?? beginLife('starting', now),
    phase: 'starting',
    since: now,
    reason: undefined,
    busySince: undefined,
    busyMs: asked?.busyMs ?? 0,
    uploaded: new Map(),
  };
  state.instances.set(made.id, instance);
  state.health.set(made.id, HEALTHY);
  for (const listener of state.listeners) listener.onStarted?.(instance);
  settle(state, made.id, instance);
  // Of an earlier start of the service, perhaps, and standing still since.
  if (spec === undefined) giveUpIfSilent(state, instance, 'it was found and does not answer');
  return instance;
}

interface Connected {
  readonly made: ProvidedInstance;
  readonly instance: () => Instance;
}

/** What its connection tells → the steps of its life. */
function connect(state: FleetState, provider: Provider, { made, instance }: Connected): InstanceConnection {
  const { deps } = state;
  /** It is lost for no other reason. */
  let isQuiet = false;
  return createConnection({
    baseUrl: made.baseUrl,
    now: deps.now,
    log: deps.log,
    isAwaited: made.spec !== undefined,
    onReady() {
      isQuiet = false;
      // Another process may stand behind the same address now: what it holds is not known.
      instance().uploaded.clear();
      if (provider.kind === 'static') void findFolders(deps.log, instance());
      void findGpus(deps.log, instance());
      becomeReady(state, instance());
    },
    // Nothing more is given to one that may stand still; what it has stays its own until that is certain.
    onQuiet(cause) {
      if (instance().phase !== 'ready') return;
      isQuiet = true;
      becomeLost(state, instance(), cause);
    },
    onHeard() {
      if (isQuiet && instance().phase === 'lost') becomeReady(state, instance());
      isQuiet = false;
    },
    onLost(cause) {
      isQuiet = false;
      becomeLost(state, instance(), cause);
    },
  });
}

function whyAgain({ steps }: Life): string | undefined {
  return steps.length > 1 ? 'the service was restarted and found it again' : undefined;
}

export function becomeReady(state: FleetState, instance: Instance): void {
  if (instance.phase === 'starting') metrics.instanceStarted(state.deps.now() - instance.askedAt);
  clearDue(state, instance.id);
  // What drains answers again, and still takes nothing more.
  if (!enter(state, instance, { phase: 'ready', at: state.deps.now() })) return;
  for (const listener of state.listeners) listener.onReady(instance);
  for (const wake of state.waitingForReady) wake();
}

/** One that is silent for so long is replaced; whoever looks after a fixed URL may bring it back. */
export const LOST_MS = 30_000;

export function becomeLost(state: FleetState, instance: Instance, reason: string): void {
  // Its time runs already.
  if (instance.phase === 'gone' || instance.phase === 'lost') return;
  // One that drains stays so: nothing is given to it anyway. What it still runs gets as long to be heard of again.
  if (enter(state, instance, { phase: 'lost', at: state.deps.now(), reason })) {
    for (const listener of state.listeners) listener.onLost(instance);
  }
  giveUpIfSilent(state, instance, reason);
}

/** Ends its process when nothing is heard of it for long: by removing it, or by the start of another in its place. */
export function giveUpIfSilent(state: FleetState, instance: Instance, reason: string): void {
  const { id, spec } = instance;
  const provider = state.providerOf.get(id);
  if (state.isStopping || (spec === undefined && provider?.restart === undefined)) return;
  const ms = state.deps.lostMs ?? LOST_MS;
  const because = `it has not answered for ${Math.round(ms / 1_000)} s: ${reason}`;
  setDue(state, id, {
    ms,
    act() {
      if (spec !== undefined) return removeInstance(state, id, { because });
      state.deps.log.error({ instanceId: id, reason: because }, 'an instance is started anew');
      provider?.restart?.(id);
    },
  });
}

export function becomeDraining(state: FleetState, instance: Instance, because: string): void {
  if (!enter(state, instance, { phase: 'draining', at: state.deps.now(), reason: because })) return;
  for (const listener of state.listeners) listener.onDraining?.(instance);
}

/** It is certainly gone, whatever it was. */
export function becomeGone(state: FleetState, id: string, end: { cause: string; kind: GoneKind }): void {
  const begun = state.asked.get(id);
  const instance = state.instances.get(id);
  const removal = state.removals.get(id);
  clearTimeout(removal?.timer);
  clearDue(state, id);
  for (const known of [state.removals, state.asked, state.instances, state.health]) known.delete(id);
  forgetOldest(state);
  settle(state, id, undefined);
  const spec = begun?.spec ?? instance?.spec;
  const wasStarting = begun !== undefined || instance?.phase === 'starting';
  const { cause, kind } = withMemory(state, explainEnd(end, removal, wasStarting), { spec, gpus: instance?.gpus });
  const step = { phase: 'gone', at: state.deps.now(), reason: cause } as const;
  const known = instance ?? begun;
  const life = known && takeStep(known.life, step);
  if (spec && life) {
    const logTail = state.providerOf.get(id)?.logTail?.(id);
    state.deps.lives?.gone(id, { kind, cause, life, busyMs: busyMsOf(instance ?? begun, step.at), logTail });
  }
  if (instance) leave(state, instance, { cause, kind });
  if (spec && wasStarting) for (const listener of state.listeners) listener.onStartFailed?.(spec, cause, kind);
}

function withMemory({ deps }: FleetState, end: { cause: string; kind: GoneKind }, of: Pick<Instance, 'spec' | 'gpus'>) {
  const memory = end.kind === 'out_of_memory' ? deps.memoryOf?.(of) : undefined;
  return memory === undefined ? end : { ...end, cause: `${end.cause} (${memory})` };
}

/** What was wished, if it was; one that ended before it answered has failed to start. */
function explainEnd(end: { cause: string; kind: GoneKind }, removal: Removal | undefined, wasStarting: boolean) {
  const { cause, kind } =
    removal === undefined ? end : (removal.failure ?? { cause: removal.because, kind: 'removed' as const });
  return { cause, kind: wasStarting && kind === 'ended' ? ('not_started' as const) : kind };
}

function leave(state: FleetState, instance: Instance, { cause, kind }: { cause: string; kind: GoneKind }): void {
  // Whatever it is removed for, somebody decided so: that it did not answer, or was to blame, was said before.
  enter(state, instance, { phase: 'gone', at: state.deps.now(), reason: cause }, { isWished: kind === 'removed' });
  for (const listener of state.listeners) listener.onGone(instance);
  const { log } = state.deps;
  instance.connection.close().catch((error) => log.debug(describeError(error), 'closing a gone instance'));
}

export const REMOVE_AGAIN_MS = 500;
export const REMOVE_AGAIN_AT_MOST_MS = 10_000;

/** Asks the provider until it is gone: a call that fails must not leave an instance behind. */
export function removeInstance(
  state: FleetState,
  id: string,
  wish: { because: string; failure?: Removal['failure'] },
): void {
  const known = state.removals.get(id);
  const provider = state.providerOf.get(id);
  if (provider?.remove === undefined || (!state.asked.has(id) && !state.instances.has(id))) return;
  clearTimeout(known?.timer);
  clearDue(state, id);
  const again = () => removeInstance(state, id, wish);
  const pauseMs = known === undefined ? REMOVE_AGAIN_MS : Math.min(known.pauseMs * 2, REMOVE_AGAIN_AT_MOST_MS);
  const removal: Removal = {
    because: known?.because ?? wish.because,
    failure: known?.failure ?? wish.failure,
    pauseMs,
    timer: setTimeout(again, pauseMs).unref(),
  };
  state.removals.set(id, removal);
  const instance = state.instances.get(id);
  if (instance && instance.phase !== 'starting') becomeDraining(state, instance, removal.because);
  endInstance(state, provider, id).catch((error) => {
    state.deps.log.warn({ instanceId: id, ...describeError(error) }, 'an instance could not be removed; trying again');
  });
}

// Timers of a process that slept are overdue when it wakes, and another may own the instance by then.
async function endInstance({ deps }: FleetState, provider: Provider, id: string): Promise<void> {
  await deps.untilCertain?.();
  await provider.remove?.(id);
}

/** False: it may not follow (lifecycle.pure.ts), and nothing changed. */
function enter(
  { deps }: FleetState,
  instance: Instance,
  step: LifeStep,
  { isWished } = { isWished: step.phase === 'ready' || step.phase === 'draining' },
): boolean {
  const life = takeStep(instance.life, step);
  if (life === undefined || step.phase === 'requested') return false;
  instance.life = life;
  instance.phase = step.phase;
  instance.reason = step.reason;
  instance.since = step.at;
  // Of its end more is recorded than the step (becomeGone).
  if (instance.spec && step.phase !== 'gone')
    deps.lives?.stepped(instance.id, { life, busyMs: busyMsOf(instance, step.at) });
  const fields = { instanceId: instance.id, url: instance.connection.baseUrl, reason: step.reason };
  if (isWished) deps.log.info(fields, `instance ${step.phase}`);
  else deps.log.warn(fields, `instance ${step.phase}`);
  return true;
}

function busyMsOf(of: { busyMs: number; busySince?: number | undefined } | undefined, now: number): number {
  if (of === undefined) return 0;
  return Math.round(of.busyMs + (of.busySince === undefined ? 0 : Math.max(0, now - of.busySince)));
}
