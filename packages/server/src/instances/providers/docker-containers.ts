// The instances of a fleet at one engine, as their containers show them: told of each when it runs, once when it is gone, and
// what it waits for meanwhile. What ended is removed, with the end of its log kept. Called by docker.ts.
//
//   asked ──image, container──▶ running ──▶ ended ──log kept, removed──▶ gone

import { describeError, type Log } from '../../telemetry/log.ts';
import { withLastWords } from '../last-words.pure.ts';
import { type GoneKind, type InstanceSpec, type ProviderEvents, type Room, StartRefused } from '../provider.ts';
import type { DockerApi } from './docker-api.ts';
import { explainStart, readFailure } from './docker-error.pure.ts';
import { containerName, type Made, readLabels } from './docker-manifest.ts';
import type { Networks } from './docker-network.ts';
import { findRoom } from './docker-room.pure.ts';
import type { DockerSettings } from './docker-settings.pure.ts';
import { startContainer, startInstance } from './docker-start.ts';
import { type SeenContainer, viewContainer } from './docker-state.pure.ts';
import { createGoneLogs, type GoneLogs } from './gone-logs.ts';

interface Deps {
  readonly api: DockerApi;
  readonly fleetId: string;
  readonly networks: Networks;
  readonly events: ProviderEvents;
  readonly log: Log;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By SKU, of this engine; one may have left the configuration since. */
  readonly settings: ReadonlyMap<string, DockerSettings>;
}

interface Known {
  readonly spec: InstanceSpec;
  readonly gpus: readonly string[];
  /** Ends what is under way for it. */
  readonly unwanted: AbortController;
  /** While it is being made and started. */
  starting: Promise<void> | undefined;
  /** While its end is being dealt with. */
  ending: Promise<void> | undefined;
  isStarted: boolean;
  words: string | undefined;
}

interface State {
  readonly deps: Deps;
  readonly known: Map<string, Known>;
  /** The gone, with the last lines that are left of them: told of once, never again. */
  readonly gone: GoneLogs;
  isStopped: boolean;
}

export type ContainerRegistry = ReturnType<typeof createContainerRegistry>;

const LOG_LINES = 100;
const DEFAULT_GRACE_SECONDS = 10;

export function createContainerRegistry(deps: Deps) {
  const state: State = { deps, known: new Map(), gone: createGoneLogs(), isStopped: false };
  const idOf = (name: string) => [...state.known.keys()].find((id) => containerName(id) === name);
  return {
    knows: (id: string) => state.known.has(id),
    hasLogOf: (id: string) => state.known.has(id) || state.gone.has(id),
    /** Refuses when there is no room; what goes wrong later is told as its end. */
    roomFor(sku: string, asked: readonly InstanceSpec[]): Room {
      const coming = asked.filter(({ id }) => !state.known.has(id)).map((spec) => ({ sku: spec.sku, gpus: [] }));
      return findRoom(deps.settings, sku, [...[...state.known.values()].map(placeOf), ...coming]);
    },
    create: (spec: InstanceSpec, settings: DockerSettings) => create(state, spec, settings),
    remove: (id: string) => remove(state, id),
    logTail: async (id: string): Promise<string[]> => state.gone.of(id) ?? (await readLog(state, id)),
    async onListed(names: readonly string[]): Promise<void> {
      const ours = [...state.known.keys()].map(containerName);
      await Promise.all([...new Set([...names, ...ours])].map((name) => look(state, name, idOf(name))));
    },
    onEvent(name: string): void {
      look(state, name, idOf(name)).catch((error) =>
        deps.log.warn({ container: name, ...describeError(error) }, 'a container could not be looked at'),
      );
    },
    async stop(): Promise<void> {
      state.isStopped = true;
      for (const { unwanted } of state.known.values()) unwanted.abort();
      await Promise.all([...state.known.values()].map(({ starting }) => starting));
    },
  };
}

function create(state: State, spec: InstanceSpec, settings: DockerSettings): void {
  if (state.known.has(spec.id) || state.gone.has(spec.id)) return;
  const { left, because, gpus } = findRoom(state.deps.settings, spec.sku, [...state.known.values()].map(placeOf));
  if (left <= 0) throw new StartRefused(because);
  const known = makeKnown(spec, gpus);
  state.known.set(spec.id, known);
  const { signal } = known.unwanted;
  const onWords = (words: string) => tellPending(state, known, words);
  run(state, known, () => startInstance(state.deps, { spec, settings, gpus: known.gpus, signal, onWords }));
}

function placeOf({ spec, gpus }: Known) {
  return { sku: spec.sku, gpus };
}

function makeKnown(spec: InstanceSpec, gpus: readonly string[]): Known {
  const nothingYet = { starting: undefined, ending: undefined, isStarted: false, words: undefined };
  return { spec, gpus, unwanted: new AbortController(), ...nothingYet };
}

function run(state: State, known: Known, start: () => Promise<void>): void {
  const { spec, unwanted } = known;
  known.starting = start()
    .then(
      () => {
        known.starting = undefined;
      },
      async (error: unknown) => {
        known.starting = undefined;
        if (unwanted.signal.aborted) return;
        const cause = error instanceof Error ? error.message : String(error);
        await end(state, known, { cause, kind: 'not_started', hasLog: false });
      },
    )
    .then(() => (unwanted.signal.aborted || known.ending ? undefined : look(state, containerName(spec.id), spec.id)))
    .catch((error: unknown) => {
      // Whatever it is, the next list shows it again.
      state.deps.log.warn({ instanceId: spec.id, ...describeError(error) }, 'an instance could not be looked at');
    });
}

/** The truth about one container, whatever the event was. */
async function look(state: State, name: string, id: string | undefined): Promise<void> {
  const before = id === undefined ? undefined : state.known.get(id);
  if (before?.starting !== undefined) return;
  const container = await state.deps.api.readContainer(name);
  if (state.isStopped) return;
  if (container !== undefined) see(state, container);
  // Only one that was there before it was asked for can be missing now.
  else if (before !== undefined && before.starting === undefined) vanish(state, before);
}

function see(state: State, container: SeenContainer): void {
  const { deps } = state;
  const made = readLabels(container, deps.fleetId);
  if (made === undefined) {
    deps.log.warn(
      { container: container.Id },
      'a container has the label of this fleet, and does not say what it is for',
    );
    return;
  }
  const { id } = made.spec;
  if (state.gone.has(id)) {
    if (container.State?.Status !== 'removing') void erase(state, id);
    return;
  }
  const known = state.known.get(id) ?? adopt(state, made);
  if (known.starting === undefined && known.ending === undefined) judge(state, known, { container, made });
}

function adopt(state: State, { spec, gpus }: Made): Known {
  const known = makeKnown(spec, gpus);
  state.known.set(spec.id, known);
  return known;
}

function judge(state: State, known: Known, { container, made }: { container: SeenContainer; made: Made }): void {
  const view = viewContainer(container, made.reach);
  if (known.unwanted.signal.aborted) {
    void remove(state, made.spec.id).catch(() => undefined); // remove() failed before; whoever called it calls again
    return;
  }
  switch (view.phase) {
    case 'made':
      tellPending(state, known, 'the container is being started');
      run(state, known, () => resume(state, known));
      return;
    case 'leaving':
      tellPending(state, known, 'its container is being removed');
      return;
    case 'unaddressed':
      tellPending(state, known, view.words);
      return;
    case 'ended':
      void end(state, known, { ...view, hasLog: true });
      return;
    case 'running':
      if (known.isStarted) return;
      known.isStarted = true;
      state.deps.events.onStarted({ id: known.spec.id, baseUrl: view.baseUrl, folders: undefined, spec: known.spec });
      return;
  }
}

/** An earlier start of the service had made it, and came no further. */
async function resume({ deps }: State, { spec, unwanted }: Known): Promise<void> {
  const wish = { image: 'of its container', network: 'of its container' };
  await startContainer(deps.api, spec.id, unwanted.signal).catch((error: unknown) => {
    throw new Error(explainStart(readFailure(error), wish, deps.api.engine), { cause: error });
  });
}

interface End {
  readonly cause: string;
  readonly kind: GoneKind;
  readonly hasLog: boolean;
}

/** It runs no more, or never did: its log is kept, its container removed, its end told. */
async function end(state: State, known: Known, { cause, kind, hasLog }: End): Promise<void> {
  const { id } = known.spec;
  if (known.ending !== undefined) return await known.ending;
  known.ending = (async () => {
    const log = hasLog ? await readLog(state, id) : [];
    // Before it is told: its GPU may be given to another at once.
    await erase(state, id);
    forget(state, known, { cause: kind === 'out_of_memory' ? cause : withLastWords(cause, log), kind, log });
  })();
  await known.ending;
}

function vanish(state: State, known: Known): void {
  if (known.ending !== undefined || !state.known.has(known.spec.id)) return;
  const cause = 'its container was removed, and not by comfleet';
  forget(state, known, { cause, kind: 'ended', log: [] });
}

function forget(state: State, { spec, unwanted }: Known, why: { cause: string; kind: GoneKind; log: string[] }): void {
  state.known.delete(spec.id);
  state.gone.keep(spec.id, why.log);
  if (state.isStopped) return;
  if (unwanted.signal.aborted) state.deps.events.onGone(spec.id, 'removed', 'removed');
  else state.deps.events.onGone(spec.id, why.cause, why.kind);
}

async function remove(state: State, id: string): Promise<void> {
  const { api, settings } = state.deps;
  const known = state.known.get(id);
  const name = containerName(id);
  if (known === undefined) return await api.removeContainer(name); // of an earlier start, perhaps
  known.unwanted.abort();
  known.ending ??= (async () => {
    await known.starting;
    await api.stopContainer(name, settings.get(known.spec.sku)?.stopGraceSeconds ?? DEFAULT_GRACE_SECONDS);
    const log = known.isStarted ? await readLog(state, id) : [];
    await api.removeContainer(name);
    forget(state, known, { cause: 'removed', kind: 'removed', log });
  })().finally(() => {
    known.ending = undefined; // it failed: whoever called calls again
  });
  await known.ending;
}

/** A container that is told of as gone: that it stays for a moment harms nobody. */
async function erase({ deps }: State, id: string): Promise<void> {
  await deps.api.removeContainer(containerName(id)).catch((error: unknown) => {
    deps.log.warn(
      { instanceId: id, ...describeError(error) },
      'the container of a gone instance could not be removed yet',
    );
  });
}

async function readLog({ deps }: State, id: string): Promise<string[]> {
  return await deps.api.readLog(containerName(id), LOG_LINES).catch((error: unknown) => {
    deps.log.debug({ instanceId: id, ...describeError(error) }, 'the log of an instance cannot be read');
    return [];
  });
}

function tellPending(state: State, known: Known, words: string): void {
  if (known.isStarted || state.isStopped || known.unwanted.signal.aborted || known.words === words) return;
  known.words = words;
  state.deps.events.onPending?.(known.spec.id, words);
}
