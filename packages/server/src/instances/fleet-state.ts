// What the fleet knows, and what becomes due. Changed by instance-steps.ts, start-instance.ts and fleet.ts alone.
import { afterAwake } from '../telemetry/awake-time.ts';
import type { Log } from '../telemetry/log.ts';
import type { Health } from './health.pure.ts';
import type { AskedInstance, FleetListener, Instance } from './instance.ts';
import type { Lives } from './lives.ts';
import type { GoneKind, Provider, ProviderKind } from './provider.ts';

export interface FleetDeps {
  readonly providers: readonly Provider[];
  readonly now: () => number;
  readonly log: Log;
  /** Undefined where nothing is started: then nothing has to be on record. */
  readonly lives?: Lives | undefined;
  /** Which provider makes the instances of a SKU. */
  readonly kindOf?: ((sku: string) => ProviderKind | undefined) | undefined;
  readonly startTimeoutMs?: number | undefined;
  /** What was ready and is silent for so long is replaced; 30 s. */
  readonly lostMs?: number | undefined;
  /** How much memory there is, in words, for those that ran out of it. */
  readonly memoryOf?: ((of: Pick<Instance, 'spec' | 'gpus'>) => string | undefined) | undefined;
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

const KEPT_GONE = 1_000;

export function forgetOldest({ providerOf, asked, instances }: FleetState): void {
  if (providerOf.size <= asked.size + instances.size + KEPT_GONE) return;
  for (const id of providerOf.keys()) {
    if (asked.has(id) || instances.has(id)) continue;
    providerOf.delete(id);
    return;
  }
}

/** In awake time: an instance may have become ready, or come back, while this process stood still. */
export function setDue(state: FleetState, id: string, due: { ms: number; act: () => void }): void {
  clearDue(state, id);
  state.dues.set(id, afterAwake(due.ms, due.act));
}

export function clearDue(state: FleetState, id: string): void {
  state.dues.get(id)?.();
  state.dues.delete(id);
}
