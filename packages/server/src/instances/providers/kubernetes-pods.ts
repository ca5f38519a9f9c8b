// The instances of a fleet in one namespace, as their Pods show them: told of each when it comes up, once when it is gone,
// and what it waits for meanwhile. What ended is deleted, with the end of its log kept. Called by kubernetes.ts.
import { describeError, type Log } from '../../telemetry/log.ts';
import type { GoneKind, InstanceSpec, ProviderEvents } from '../provider.ts';
import { createGoneLogs, type GoneLogs } from './gone-logs.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { readFailure } from './kubernetes-error.pure.ts';
import { podName, readSpec } from './kubernetes-manifest.ts';
import { explainDeleted, type SeenPod, viewPod } from './kubernetes-pod.pure.ts';

interface Deps {
  readonly api: KubernetesApi;
  readonly fleetId: string;
  readonly events: ProviderEvents;
  /** Where the ComfyUI of an instance listens; a SKU may have left the configuration since. */
  readonly portOf: (sku: string) => number;
  /** The number of the latest list that has begun. */
  readonly listing: () => number;
  readonly now: () => number;
  readonly log: Log;
}

interface Known {
  readonly spec: InstanceSpec;
  pod: SeenPod | undefined;
  isStarted: boolean;
  /** Somebody else ends it, which was told. */
  isLeaving: boolean;
  /** remove() was called: it is to go, whatever it says. */
  isUnwanted: boolean;
  /** What was last said of why it is not up. */
  words: string | undefined;
  /** Lists with this number or an earlier one may have begun before it existed. */
  unseenBy: number;
  /** While it is being asked for. */
  asking: Promise<unknown> | undefined;
}

interface State {
  readonly deps: Deps;
  readonly known: Map<string, Known>;
  /** The gone, with the last lines that are left of them: told of once, never again. */
  readonly gone: GoneLogs;
  /** Those whose call got no answer: told of as refused, so a Pod that comes of it all the same has to go. */
  readonly unanswered: Set<string>;
  isStopped: boolean;
}

export type PodRegistry = ReturnType<typeof createPodRegistry>;

const LOG_LINES = 100;
/** Some states only mean something once they have lasted; what could not be deleted is tried again. */
const LOOK_AGAIN_MS = 5_000;

export function createPodRegistry(deps: Deps) {
  const state: State = { deps, known: new Map(), gone: createGoneLogs(), unanswered: new Set(), isStopped: false };
  const timer = setInterval(() => lookAgain(state), LOOK_AGAIN_MS).unref();
  return {
    knows: (id: string) => state.known.has(id),
    /** `ask` makes the Pod; what it throws is passed on, and nothing is known of the instance then. */
    ask: (spec: InstanceSpec, ask: () => Promise<SeenPod>) => askFor(state, spec, ask),
    remove: (id: string) => remove(state, id),
    async logTail(id: string): Promise<string[]> {
      const kept = state.gone.of(id);
      if (kept !== undefined && kept.length > 0) return kept;
      return await readLog(state, id);
    },
    hasLogOf: (id: string) => state.known.has(id) || state.gone.has(id),
    onListed: (pods: readonly SeenPod[], listing: number) => takeList(state, pods, listing),
    onChanged: (pod: SeenPod) => see(state, pod),
    onDeleted: (pod: SeenPod) => {
      const spec = readSpec(pod, deps.fleetId);
      const known = spec && state.known.get(spec.id);
      if (known !== undefined) forget(state, known, explainDeleted(pod));
    },
    stop() {
      state.isStopped = true;
      clearInterval(timer);
    },
  };
}

async function askFor(state: State, spec: InstanceSpec, ask: () => Promise<SeenPod>): Promise<void> {
  const before = state.known.get(spec.id);
  if (before?.asking !== undefined) await before.asking.catch(() => undefined);
  if (state.known.has(spec.id) || state.gone.has(spec.id)) return;
  const known = makeKnown(spec, Number.POSITIVE_INFINITY);
  state.known.set(spec.id, known);
  state.unanswered.delete(spec.id);
  try {
    known.asking = ask();
    await known.asking;
    known.unseenBy = state.deps.listing();
  } catch (error) {
    state.known.delete(spec.id);
    const { code } = readFailure(error instanceof Error ? error.cause : undefined);
    if (code === undefined || code >= 500) state.unanswered.add(spec.id);
    throw error;
  } finally {
    known.asking = undefined;
  }
}

function makeKnown(spec: InstanceSpec, unseenBy: number): Known {
  const nothingYet = { pod: undefined, words: undefined, asking: undefined };
  return { spec, isStarted: false, isLeaving: false, isUnwanted: false, unseenBy, ...nothingYet };
}

function takeList(state: State, pods: readonly SeenPod[], listing: number): void {
  const there = new Set<string>();
  for (const pod of pods) {
    const spec = readSpec(pod, state.deps.fleetId);
    if (spec !== undefined) there.add(spec.id);
    see(state, pod);
  }
  for (const known of [...state.known.values()]) {
    if (there.has(known.spec.id) || known.unseenBy >= listing) continue;
    forget(state, known, explainDeleted(known.pod ?? {}));
  }
}

function see(state: State, pod: SeenPod): void {
  const { deps } = state;
  const spec = readSpec(pod, deps.fleetId);
  if (state.isStopped) return;
  if (spec === undefined) {
    deps.log.warn({ pod: pod.metadata?.name }, 'a Pod has the labels of this fleet, and does not say what it is for');
    return;
  }
  if (state.gone.has(spec.id) || state.unanswered.has(spec.id)) {
    if (pod.metadata?.deletionTimestamp === undefined) void erase(state, spec.id);
    return;
  }
  let known = state.known.get(spec.id);
  if (known === undefined) {
    known = makeKnown(spec, 0);
    state.known.set(spec.id, known);
  }
  known.pod = pod;
  judge(state, known, pod);
}

function judge(state: State, known: Known, pod: SeenPod): void {
  const { spec } = known;
  const view = viewPod(pod, state.deps.now());
  switch (view.phase) {
    case 'pending':
      tellPending(state, known, view.words);
      return;
    case 'leaving':
      // Also one that is seen for the first time: what an earlier start gave to it may still come to its end.
      if (view.host !== undefined) tellStarted(state, known, view.host);
      if (known.isStarted) tellLeaving(state, known, view.words);
      else tellPending(state, known, view.words);
      return;
    case 'running':
      tellStarted(state, known, view.host);
      return;
    case 'ended':
      forget(state, known, view);
      void keepLog(state, spec.id).then(() => erase(state, spec.id));
      return;
    case 'unreachable':
      // Nobody reaches it any more, so nobody can be answered by it; its node ends it if it ever comes back.
      forget(state, known, { cause: view.cause, kind: 'evicted' });
      void erase(state, spec.id, { isForced: true });
      return;
  }
}

function tellPending({ deps }: State, known: Known, words: string): void {
  if (!known.isStarted && !known.isUnwanted && known.words !== words) deps.events.onPending?.(known.spec.id, words);
  known.words = words;
}

function tellStarted({ deps }: State, known: Known, host: string): void {
  if (known.isStarted || known.isUnwanted) return;
  known.isStarted = true;
  const { spec } = known;
  const baseUrl = `http://${host}:${deps.portOf(spec.sku)}`;
  deps.events.onStarted({ id: spec.id, baseUrl, folders: undefined, spec });
}

function tellLeaving({ deps }: State, known: Known, because: string): void {
  if (known.isLeaving || known.isUnwanted) return;
  known.isLeaving = true;
  deps.events.onLeaving?.(known.spec.id, because);
}

/** It is gone: told once. */
function forget(state: State, { spec, isUnwanted }: Known, why: { cause: string; kind: GoneKind }): void {
  state.known.delete(spec.id);
  state.gone.keep(spec.id, state.gone.of(spec.id) ?? []);
  if (state.isStopped) return;
  if (isUnwanted) state.deps.events.onGone(spec.id, 'removed', 'removed');
  else state.deps.events.onGone(spec.id, why.cause, why.kind);
}

async function remove(state: State, id: string): Promise<void> {
  const known = state.known.get(id);
  if (known !== undefined) known.isUnwanted = true;
  await known?.asking?.catch(() => undefined);
  const log = known?.isStarted === true ? keepLog(state, id) : undefined;
  // Its log can still be read while it ends, and not for long.
  await Promise.all([log, state.deps.api.deletePod(podName(id))]);
}

/** A Pod that is told of as gone already: that it stays for a moment harms nobody. */
async function erase({ deps }: State, id: string, options = { isForced: false }): Promise<void> {
  try {
    await deps.api.deletePod(podName(id), options);
  } catch (error) {
    deps.log.warn({ instanceId: id, ...describeError(error) }, 'the Pod of a gone instance could not be deleted yet');
  }
}

async function keepLog(state: State, id: string): Promise<void> {
  const lines = await readLog(state, id);
  if (lines.length > 0) state.gone.keep(id, lines);
}

async function readLog({ deps }: State, id: string): Promise<string[]> {
  try {
    return await deps.api.readLog(podName(id), LOG_LINES);
  } catch (error) {
    deps.log.debug({ instanceId: id, ...describeError(error) }, 'the log of an instance cannot be read');
    return [];
  }
}

function lookAgain(state: State): void {
  for (const known of [...state.known.values()]) {
    const { pod } = known;
    if (pod === undefined) continue;
    judge(state, known, pod);
    const isLeaving = pod.metadata?.deletionTimestamp !== undefined;
    if (known.isUnwanted && !isLeaving && state.known.has(known.spec.id)) void erase(state, known.spec.id);
  }
}
