// Asks a provider for an instance, and what becomes of it until it answers; also what an earlier start of the service left.
// Called by fleet.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../telemetry/log.ts';
import { type FleetState, type Settling, setDue } from './fleet-state.ts';
import type { Instance } from './instance.ts';
import {
  addInstance,
  becomeDraining,
  becomeGone,
  giveUpIfSilent,
  REMOVE_AGAIN_AT_MOST_MS,
  REMOVE_AGAIN_MS,
  removeInstance,
} from './instance-steps.ts';
import { withLastWords } from './last-words.pure.ts';
import { beginLife } from './lifecycle.pure.ts';
import type { InstanceSpec, ProvidedInstance, Provider, ProviderEvents } from './provider.ts';

const START_TIMEOUT_MS = 900_000;

/** Who makes instances of a SKU; undefined: nobody does. */
export function makerOf({ deps }: FleetState, sku: string): Provider | undefined {
  const kind = deps.kindOf?.(sku);
  return deps.providers.find((each) => each.kind === kind && each.create !== undefined);
}

/** On record first: whatever happens then, it is known to have been asked for. Trouble ends as a failed start. */
export async function createInstance(state: FleetState, spec: InstanceSpec): Promise<void> {
  const { deps, asked } = state;
  const provider = makerOf(state, spec.sku);
  const askedAt = deps.now();
  const life = beginLife('requested', askedAt);
  asked.set(spec.id, { id: spec.id, spec, provider: provider?.kind, askedAt, life, busyMs: 0, words: undefined });
  if (provider?.create === undefined) {
    const cause = `the configuration has nothing that makes instances of the hardware "${spec.sku}"`;
    becomeGone(state, spec.id, { cause, kind: 'not_started' });
    return;
  }
  state.providerOf.set(spec.id, provider);
  try {
    await deps.lives?.asked(spec, { provider: provider.kind, askedAt });
  } catch (error) {
    deps.log.error({ instanceId: spec.id, ...describeError(error) }, 'an instance could not be put on record');
    becomeGone(state, spec.id, { cause: 'it could not be put on record', kind: 'not_started' });
    return;
  }
  const begun = asked.get(spec.id);
  if (begun === undefined || state.isStopping) return; // taken back while it was written down
  for (const listener of state.listeners) listener.onAsked?.(begun);
  awaitReady(state, spec.id, askedAt);
  try {
    await provider.create(spec);
  } catch (error) {
    deps.log.warn({ instanceId: spec.id, ...describeError(error) }, 'an instance could not be asked for');
    // The call may have been heard all the same.
    await provider.remove?.(spec.id).catch(() => undefined);
    const cause = error instanceof Error ? error.message : String(error);
    if (asked.has(spec.id)) becomeGone(state, spec.id, { cause, kind: 'not_started' });
  }
}

function awaitReady(state: FleetState, id: string, askedAt: number): void {
  const limitMs = state.deps.startTimeoutMs ?? START_TIMEOUT_MS;
  const leftMs = Math.max(0, askedAt + limitMs - state.deps.now());
  setDue(state, id, {
    ms: Math.min(leftMs, 2 ** 31 - 1),
    act() {
      const instance = state.instances.get(id);
      if (instance === undefined) giveUpStart(state, id, { limitMs, words: state.asked.get(id)?.words });
      else void giveUpSilent(state, instance, limitMs);
    },
  });
}

function giveUpStart(
  state: FleetState,
  id: string,
  { limitMs, words }: { limitMs: number; words: string | undefined },
) {
  const cause = `it was not ready within ${Math.round(limitMs / 1_000)} s; last: ${words ?? 'it said nothing'}`;
  removeInstance(state, id, { because: cause, failure: { cause, kind: 'not_started' } });
}

const LOG_WITHIN_MS = 1_000;

/** It runs, and does not answer where it should: what it wrote says more than that. */
async function giveUpSilent(state: FleetState, instance: Instance, limitMs: number): Promise<void> {
  const { id, connection } = instance;
  const read = state.providerOf
    .get(id)
    ?.logTail?.(id)
    .catch(() => []);
  const log = await Promise.race([read, sleep(LOG_WITHIN_MS, undefined, { ref: false })]);
  if (state.instances.get(id) !== instance || instance.phase !== 'starting') return; // it came, or went, meanwhile
  const { port } = new URL(connection.baseUrl);
  const said = state.asked.get(id)?.words ?? connection.lastCause();
  const words = said?.includes('ECONNREFUSED') ? `nothing listens at its port ${port} (${said})` : said;
  giveUpStart(state, id, { limitMs, words: withLastWords(words ?? 'it said nothing', log ?? []) });
}

/** Of one that was found. The time that it had before the restart is not counted: nobody looked. */
function awaitAnswer(state: FleetState, instance: Instance): void {
  // It was ready once: it answers at once, or stands still.
  if (instance.life.readyAt !== undefined) giveUpIfSilent(state, instance, 'it was ready before the service restarted');
  else awaitReady(state, instance.id, state.deps.now());
}

export function eventsOf(state: FleetState, provider: Provider, told: Set<string>): ProviderEvents {
  const orphans = new Set<string>();
  return {
    onStarted(made) {
      told.add(made.id);
      if (made.spec && !state.asked.has(made.id)) void removeOrphan(state, { provider, id: made.id, orphans });
      else addFound(state, provider, made);
    },
    onPending(id, words) {
      told.add(id);
      const asked = state.asked.get(id);
      if (asked) state.asked.set(id, { ...asked, words });
      else void removeOrphan(state, { provider, id, orphans });
    },
    onLeaving(id, because) {
      const instance = state.instances.get(id);
      if (instance) becomeDraining(state, instance, because);
    },
    onListed: () => settleAll(state, provider, told),
    onGone(id, cause, kind = 'ended') {
      becomeGone(state, id, { cause, kind });
    },
  };
}

function addFound(state: FleetState, provider: Provider, made: ProvidedInstance): void {
  const wasUnsettled = state.unsettled.has(made.id);
  const instance = addInstance(state, provider, made);
  if (wasUnsettled && !state.dues.has(made.id)) awaitAnswer(state, instance);
}

interface Orphan {
  readonly provider: Provider;
  readonly id: string;
  /** Those that are being removed. */
  readonly orphans: Set<string>;
}

// Made for somebody and not on record: its call was heard after the start was given up.
async function removeOrphan(state: FleetState, { provider, id, orphans }: Orphan): Promise<void> {
  const { deps, instances } = state;
  if (instances.has(id) || orphans.has(id)) return;
  orphans.add(id);
  deps.log.warn({ instanceId: id }, 'an instance that nobody knows is removed');
  for (let pauseMs = REMOVE_AGAIN_MS; !state.isStopping; pauseMs = Math.min(pauseMs * 2, REMOVE_AGAIN_AT_MOST_MS)) {
    try {
      // Another brain's, perhaps, that took over while this process slept.
      await deps.untilCertain?.();
      await provider.remove?.(id);
      break;
    } catch (error) {
      deps.log.warn({ instanceId: id, ...describeError(error) }, 'it could not be removed; trying again');
      await sleep(pauseMs, undefined, { ref: false });
    }
  }
  orphans.delete(id);
}

/** Starts the providers; what is on record and told by none of them is gone. */
export async function startProviders(state: FleetState): Promise<void> {
  const { deps, asked } = state;
  for (const { spec, askedAt, life, busyMs } of (await deps.lives?.open()) ?? []) {
    const provider = makerOf(state, spec.sku);
    asked.set(spec.id, { id: spec.id, spec, provider: provider?.kind, askedAt, life, busyMs, words: undefined });
    if (provider) state.providerOf.set(spec.id, provider);
  }
  const told = new Set<string>();
  for (const provider of deps.providers) await provider.start(eventsOf(state, provider, told));
  for (const instance of state.instances.values()) {
    if (instance.spec !== undefined && instance.phase === 'starting') awaitAnswer(state, instance);
  }
  for (const begun of [...asked.values()]) {
    if (told.has(begun.id)) {
      awaitReady(state, begun.id, deps.now());
      leaveUnsettled(state, begun.id);
    } else if (state.providerOf.get(begun.id)?.isListed?.() === false) {
      leaveUnsettled(state, begun.id);
      state.asked.set(begun.id, { ...begun, words: 'whether it is still there cannot be asked at the moment' });
    } else missed(state, begun.id);
  }
}

function missed(state: FleetState, id: string): void {
  becomeGone(state, id, { cause: 'it was not there after a restart of the service', kind: 'ended' });
}

// It may well run, and so may what was given to it: until it has an address again, or is gone.
function leaveUnsettled(state: FleetState, id: string): void {
  let settle: Settling['settle'] = () => undefined;
  const known = new Promise<Instance | undefined>((resolve) => {
    settle = resolve;
  });
  state.unsettled.set(id, { known, settle });
}

/** The provider could ask at last: what it has not told of is gone. */
function settleAll(state: FleetState, provider: Provider, told: ReadonlySet<string>): void {
  for (const id of [...state.unsettled.keys()]) {
    if (state.providerOf.get(id) !== provider) continue;
    if (!told.has(id)) missed(state, id);
    else if (state.asked.has(id) && !state.dues.has(id)) awaitReady(state, id, state.deps.now());
  }
}
