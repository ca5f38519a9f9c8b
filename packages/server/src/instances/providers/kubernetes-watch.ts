// The Pods of a fleet in one namespace: listed once, then watched from there on. A watch that ends goes on where it was; one
// whose place is no longer kept by the server (410 Gone), or that breaks, begins with a new list. Called by kubernetes.ts.
import type { Log } from '../../telemetry/log.ts';
import { createFollowing, pause } from './following.ts';
import type { KubernetesApi, PodEvent } from './kubernetes-api.ts';
import { isExpired, isPassing, pauseMs, readFailure } from './kubernetes-error.pure.ts';
import type { SeenPod } from './kubernetes-pod.pure.ts';

export interface PodListener {
  /** All that there are, as of a moment after the list with that number began. */
  onListed(pods: readonly SeenPod[], listing: number): void;
  onChanged(pod: SeenPod): void;
  onDeleted(pod: SeenPod): void;
}

interface Deps {
  readonly api: KubernetesApi;
  readonly selector: string;
  readonly log: Log;
  readonly listener: PodListener;
  /** The first list has been told. */
  readonly onFirstList: () => void;
  /** How long the server keeps a watch open: a dead connection is noticed by that. */
  readonly watchSeconds: number;
}

export interface PodWatch {
  /** Resolves after the first list, or when that takes so long that the service should start without. */
  start(): Promise<void>;
  stop(): Promise<void>;
  isListed(): boolean;
  /** The number of the latest list that has begun. */
  listing(): number;
}

/** Without a list nothing is taken for gone, so the start need not wait for a control plane that restarts. */
const FIRST_LIST_MS = 2_000;
/** A watch that lived so long was a good one. */
const GOOD_MS = 5_000;

interface State {
  readonly deps: Deps;
  listing: number;
  isListed: boolean;
  /** Failures since something went well. */
  failures: number;
}

export function createPodWatch(deps: Deps): PodWatch {
  const state: State = { deps, listing: 0, isListed: false, failures: 0 };
  const following = createFollowing({
    firstListMs: FIRST_LIST_MS,
    follow: (signal, settled) => follow(state, signal, settled),
  });
  return { ...following, isListed: () => state.isListed, listing: () => state.listing };
}

async function follow(state: State, stopping: AbortSignal, settled: () => void): Promise<void> {
  const { deps } = state;
  while (!stopping.aborted) {
    try {
      const from = await list(state, stopping);
      settled();
      await watchFrom(state, from, stopping);
    } catch (error) {
      if (stopping.aborted) return;
      const failure = readFailure(error);
      state.failures += 1;
      // No permission, no such namespace: the start need not wait for what only a person can change.
      const isHopeless = !isPassing(failure) && !isExpired(failure);
      if (isHopeless) settled();
      const { namespace } = deps.api;
      // One is nothing special: API servers are restarted, and balancers cut connections.
      if (isHopeless || state.failures > 1)
        deps.log.warn({ namespace, status: failure.code }, `the Pods cannot be watched: ${failure.message}`);
      await pause(pauseMs(failure, state.failures, Math.random()), stopping);
    }
  }
}

async function list(state: State, stopping: AbortSignal): Promise<string> {
  const { api, selector, listener, onFirstList } = state.deps;
  state.listing += 1;
  const { listing } = state;
  const { pods, resourceVersion } = await api.listPods(selector);
  if (!stopping.aborted) {
    listener.onListed(pods, listing);
    const isFirst = !state.isListed;
    state.isListed = true;
    if (isFirst) onFirstList();
  }
  return resourceVersion;
}

/** Returns when a new list is needed. */
async function watchFrom(state: State, from: string, signal: AbortSignal): Promise<void> {
  const { api, selector, watchSeconds } = state.deps;
  const place = { resourceVersion: from };
  let isExpiredNow = false;
  while (!signal.aborted && !isExpiredNow) {
    const startedAt = performance.now();
    const onEvent = (event: PodEvent) => hear(state, event, place);
    // Not all clients at the same moment, after an API server was restarted.
    const timeoutSeconds = Math.ceil(watchSeconds * (1 + Math.random() / 2));
    try {
      await api.watchPods({ selector, resourceVersion: place.resourceVersion, timeoutSeconds, signal, onEvent });
    } catch (error) {
      if (!isExpired(readFailure(error))) throw error;
      isExpiredNow = true;
    }
    if (performance.now() - startedAt > GOOD_MS) state.failures = 0;
    // One short watch is nothing; many would be a storm.
    else if (state.failures > 0) await pause(pauseMs(readFailure(undefined), state.failures, Math.random()), signal);
    state.failures += 1;
  }
}

function hear(state: State, { type, object }: PodEvent, place: { resourceVersion: string }): void {
  const { listener } = state.deps;
  // An error in the stream is a Status, as it would be the body of an answer.
  if (type === 'ERROR') throw Object.assign(new Error('the watch was ended'), { body: object });
  const pod = object as SeenPod;
  place.resourceVersion = pod.metadata?.resourceVersion ?? place.resourceVersion;
  state.failures = 0;
  if (type === 'DELETED') listener.onDeleted(pod);
  else if (type === 'ADDED' || type === 'MODIFIED') listener.onChanged(pod);
}
