// What happens to the containers of a fleet at one engine: its events, and a list whenever they are listened to anew, since
// what happened in between is told by nobody. Called by docker.ts.
import { describeError, type Log } from '../../telemetry/log.ts';
import type { DockerApi } from './docker-api.ts';
import { explainEngine, isHopeless, pauseMs, readFailure } from './docker-error.pure.ts';
import { createFollowing, pause } from './following.ts';

interface Deps {
  readonly api: DockerApi;
  readonly label: string;
  readonly log: Log;
  /** The names of all containers that there are, also those that have ended. */
  readonly onListed: (names: readonly string[]) => Promise<void>;
  /** After the first of these lists. */
  readonly onSeen: () => void;
  /** Something happened to it. */
  readonly onEvent: (name: string) => void;
  /** How long one connection is listened to: a dead one is noticed by that. */
  readonly watchMs: number;
}

export interface EngineWatch {
  /** Resolves after the first list, or when that takes so long that the service should start without. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Why it is not known what runs there; undefined once there was a list. */
  blindness(): string | undefined;
}

/** What runs there is not gone on with before a list: better to wait for an engine that restarts. */
const FIRST_LIST_MS = 60_000;
/** Some that only look like Docker's engine send nothing at all before the first event. */
const SILENT_OPEN_MS = 3_000;

interface State {
  readonly deps: Deps;
  blindness: string | undefined;
  failures: number;
}

export function createEngineWatch(deps: Deps): EngineWatch {
  const blindness = `the Docker engine at ${deps.api.engine} has not answered yet`;
  const state: State = { deps, blindness, failures: 0 };
  const following = createFollowing({
    firstListMs: FIRST_LIST_MS,
    follow: (signal, settled) => follow(state, signal, settled),
  });
  return { ...following, blindness: () => state.blindness };
}

async function follow(state: State, stopping: AbortSignal, settled: () => void): Promise<void> {
  while (!stopping.aborted) {
    const round = AbortSignal.timeout(Math.ceil(state.deps.watchMs * (1 + Math.random() / 2)));
    try {
      await listenOnce(state, AbortSignal.any([round, stopping]), settled);
      state.failures += 1;
    } catch (error) {
      if (stopping.aborted) return;
      if (round.aborted) continue;
      noteFailure(state, error, settled);
    }
    await pause(pauseMs(state.failures, Math.random()), stopping);
  }
}

function noteFailure(state: State, error: unknown, settled: () => void): void {
  const { deps } = state;
  const failure = readFailure(error);
  const words = explainEngine(failure, deps.api.engine);
  state.failures += 1;
  if (state.blindness !== undefined) state.blindness = words;
  // No socket, no permission: the start need not wait for what only a person can change.
  if (isHopeless(failure)) settled();
  // One is nothing special: engines are restarted.
  if (isHopeless(failure) || state.failures > 1) deps.log.warn(describeError(error), words);
}

/** Returns when the engine ends its events, and throws when they break. */
async function listenOnce(state: State, signal: AbortSignal, settled: () => void): Promise<void> {
  const { api, label, onEvent } = state.deps;
  let opened: () => void = () => undefined;
  const isOpen = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const tooLate = new AbortController();
  const events = api.followEvents(label, { signal, onOpen: opened, onEvent });
  events.catch(() => undefined); // awaited below
  // First listened to, then listed: nothing happens in between unheard.
  await Promise.race([isOpen, events, pause(SILENT_OPEN_MS, tooLate.signal)]);
  tooLate.abort();
  await state.deps.onListed(await api.listContainers(label));
  const isFirst = state.blindness !== undefined;
  state.blindness = undefined;
  state.failures = 0;
  if (isFirst) state.deps.onSeen();
  settled();
  await events;
}
