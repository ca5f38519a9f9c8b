// What the fleet knows, and the steps of an instance's life: each changes the phase, tells those who listen, and is put on
// record. Used by fleet.ts and start-instance.ts.
import { DEFAULT_POOL } from '../deployments/pool.pure.ts';
import { afterAwake } from '../telemetry/awake-time.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { createConnection } from './connection.ts';
import { HEALTHY, type Health } from './health.pure.ts';
import type { AskedInstance, FleetListener, Instance } from './instance.ts';
import { beginLife, type Life, type LifeStep, takeStep } from './lifecycle.pure.ts';
import type { Lives } from './lives.ts';
import { findFolders } from './local-folders.ts';
import type { GoneKind, ProvidedInstance, Provider, ProviderKind } from './provider.ts';

export interface FleetDeps {
  readonly providers: readonly Provider[];
  readonly now: () => number;
  readonly log: Log;
  /** Undefined where nothing is started: then nothing has to be on record. */
  readonly lives?: Lives | undefined;
  /** Which provider makes the instances of a SKU. */
  readonly kindOf?: ((sku: string) => ProviderKind | undefined) | undefined;
  readonly startTimeoutMs?: number | undefined;
  /** With replicas: resolves when it is certain that the instances are still this process's to end. */
  readonly untilCertain?: (() => Promise<void>) | undefined;
}

export interface Removal {
  readonly because: string;
  /** When it is a start that failed: its cause. */
  readonly failure: { readonly cause: string; readonly kind: GoneKind } | undefined;
  /** Until it is asked for again, longer each time. */
  readonly pauseMs: number;
  readonly timer: NodeJS.Timeout;
}

export interface FleetState {
  readonly deps: FleetDeps;
  readonly instances: Map<string, Instance>;
  readonly asked: Map<string, AskedInstance>;
  readonly listeners: FleetListener[];
  readonly waitingForReady: Set<() => void>;
  readonly madeAt: number;
  /** What becomes due of each (a start that takes too long, an instance that is lost for too long): how to stop it. */
  readonly dues: Map<string, () => void>;
  readonly removals: Map<string, Removal>;
  readonly health: Map<string, Health>;
  /** Versions that succeeded somewhere, the last so many. */
  readonly proven: RecentSet;
  /** On record, and whether they still exist could not be asked for yet: who waits to know. */
  readonly unsettled: Map<string, Settling>;
  /** Also of those that are gone, for their logs, until so many others were. */
  readonly providerOf: Map<string, Provider>;
  isStopping: boolean;
}

/** `known`: with the instance once it is found, with undefined when it is gone. */
export interface Settling {
  readonly known: Promise<Instance | undefined>;
  settle(instance: Instance | undefined): void;
}

export function settle({ unsettled }: FleetState, id: string, instance: Instance | undefined): void {
  unsettled.get(id)?.settle(instance);
  unsettled.delete(id);
}

const PROVEN = 10_000;

interface RecentSet {
  has(id: string): boolean;
  add(id: string): void;
}

function createRecentSet(most: number): RecentSet {
  const ids = new Set<string>();
  return {
    has: (id) => ids.has(id),
    add(id) {
      if (ids.has(id)) return;
      ids.add(id);
      const [oldest] = ids;
      if (ids.size > most && oldest !== undefined) ids.delete(oldest);
    },
  };
}

export function createFleetState(deps: FleetDeps): FleetState {
  return {
    deps,
    instances: new Map(),
    asked: new Map(),
    listeners: [],
    waitingForReady: new Set(),
    madeAt: deps.now(),
    dues: new Map(),
    removals: new Map(),
    health: new Map(),
    proven: createRecentSet(PROVEN),
    unsettled: new Map(),
    providerOf: new Map(),
    isStopping: false,
  };
}

export function addInstance(state: FleetState, provider: Provider, made: ProvidedInstance): Instance {
  const { deps } = state;
  const { spec } = made;
  const asked = state.asked.get(made.id);
  state.asked.delete(made.id);
  state.providerOf.set(made.id, provider);
  const connection = createConnection({
    baseUrl: made.baseUrl,
    now: deps.now,
    log: deps.log,
    isAwaited: spec !== undefined,
    onReady() {
      // Another process may stand behind the same address now: what it holds is not known.
      instance.uploaded.clear();
      if (provider.kind === 'static') void findFolders(deps.log, instance);
      becomeReady(state, instance);
    },
    onLost: (cause) => becomeLost(state, instance, cause),
  });
  const now = deps.now();
  const life = asked && takeStep(asked.life, { phase: 'starting', at: now, reason: whyAgain(asked.life) });
  const instance: Instance = {
    id: made.id,
    provider: provider.kind,
    pool: spec?.pool ?? made.pool ?? DEFAULT_POOL,
    spec,
    askedAt: asked?.askedAt ?? now,
    connection,
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
  return instance;
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

/** A started one that is silent for so long is replaced; whoever looks after a fixed URL may bring it back. */
const LOST_MS = 30_000;

export function becomeLost(state: FleetState, instance: Instance, reason: string): void {
  if (instance.phase === 'gone') return;
  enter(state, instance, { phase: 'lost', at: state.deps.now(), reason });
  for (const listener of state.listeners) listener.onLost(instance);
  if (instance.spec === undefined || state.isStopping) return;
  const seconds = LOST_MS / 1_000;
  setDue(state, instance.id, {
    ms: LOST_MS,
    act: () => removeInstance(state, instance.id, { because: `it has not answered for ${seconds} s: ${reason}` }),
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
  const { cause, kind } = explainEnd(end, removal, wasStarting);
  const step = { phase: 'gone', at: state.deps.now(), reason: cause } as const;
  const known = instance ?? begun;
  const life = known && takeStep(known.life, step);
  if (spec && life) {
    const logTail = state.providerOf.get(id)?.logTail?.(id);
    state.deps.lives?.gone(id, { kind, cause, life, busyMs: busyMsOf(instance ?? begun, step.at), logTail });
  }
  if (instance) leave(state, instance, cause);
  if (spec && wasStarting) for (const listener of state.listeners) listener.onStartFailed?.(spec, cause, kind);
}

/** What was wished, if it was; one that ended before it answered has failed to start. */
function explainEnd(end: { cause: string; kind: GoneKind }, removal: Removal | undefined, wasStarting: boolean) {
  const { cause, kind } =
    removal === undefined ? end : (removal.failure ?? { cause: removal.because, kind: 'removed' as const });
  return { cause, kind: wasStarting && kind === 'ended' ? ('not_started' as const) : kind };
}

function leave(state: FleetState, instance: Instance, cause: string): void {
  enter(state, instance, { phase: 'gone', at: state.deps.now(), reason: cause });
  for (const listener of state.listeners) listener.onGone(instance);
  const { log } = state.deps;
  instance.connection.close().catch((error) => log.debug(describeError(error), 'closing a gone instance'));
}

const KEPT_GONE = 1_000;

function forgetOldest({ providerOf, asked, instances }: FleetState): void {
  if (providerOf.size <= asked.size + instances.size + KEPT_GONE) return;
  for (const id of providerOf.keys()) {
    if (asked.has(id) || instances.has(id)) continue;
    providerOf.delete(id);
    return;
  }
}

const REMOVE_AGAIN_MS = 500;
const REMOVE_AGAIN_AT_MOST_MS = 10_000;

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

/** In awake time: an instance may have become ready, or come back, while this process stood still. */
export function setDue(state: FleetState, id: string, due: { ms: number; act: () => void }): void {
  clearDue(state, id);
  state.dues.set(id, afterAwake(due.ms, due.act));
}

function clearDue(state: FleetState, id: string): void {
  state.dues.get(id)?.();
  state.dues.delete(id);
}

/** False: it may not follow (lifecycle.pure.ts), and nothing changed. */
function enter({ deps }: FleetState, instance: Instance, step: LifeStep): boolean {
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
  if (step.phase === 'ready' || step.phase === 'draining') deps.log.info(fields, `instance ${step.phase}`);
  else deps.log.warn(fields, `instance ${step.phase}`);
  return true;
}

function busyMsOf(of: { busyMs: number; busySince?: number | undefined } | undefined, now: number): number {
  if (of === undefined) return 0;
  return Math.round(of.busyMs + (of.busySince === undefined ? 0 : Math.max(0, now - of.busySince)));
}
