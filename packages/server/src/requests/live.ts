// The requests that have not ended, in memory: an index over the rows that can be thrown away and rebuilt.
// submit.ts adds, finish.ts removes; status polls, cancel and dispatch read it.
import type { ErrorCode } from '@comfleet/api';
import type { Hold } from '../billing/funds.ts';
import type { StoredFile } from './finish.sql.ts';
import type { RequestPayload } from './payload.ts';
import type { AttemptTrace } from './report.pure.ts';
import type { RequestRow } from './requests.sql.ts';
import type { RunProgress } from './run-progress.pure.ts';

/** `queued`: waits for an instance · `leased`: given to one, not yet sent · `running`: sent · `collecting`: ran, files on their way. */
export type LivePhase = 'queued' | 'leased' | 'running' | 'collecting';

/** Why a request has to end early. The first wish wins. */
export type StopWish = { kind: 'cancel' } | { kind: 'fail'; code: ErrorCode; details: string };

/** What happens to a live request, told to those who watch it. */
export type LiveChange =
  | { kind: 'status' }
  | { kind: 'progress' }
  | { kind: 'note' }
  | { kind: 'preview'; nodeId: string; contentType: string; image: Buffer }
  | { kind: 'ended'; row: RequestRow; files: readonly StoredFile[] }
  /** No longer live, and nothing is known of an end. */
  | { kind: 'gone' };

export interface LiveWatcher {
  onChange(request: LiveRequest, change: LiveChange): void;
}

/** Something worth telling about a request's way; in memory only. */
export interface Note {
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
}

export interface LiveRequest {
  readonly id: string;
  readonly accountId: string;
  readonly deploymentId: string;
  readonly versionId: string;
  readonly priority: number;
  readonly createdAt: number;
  /** The same by a clock that is never set; of one that came before this start, as its row tells it. */
  readonly createdTick: number;
  readonly startBy: number | undefined;
  readonly runWithinMs: number | undefined;
  /** Its end owes a delivery. */
  readonly hasWebhook: boolean;
  phase: LivePhase;
  epoch: number;
  /** The epoch that the prompt on the instance was sent under, when this brain adopted it from another. */
  readonly sentEpoch: number | undefined;
  losses: number;
  /** Attempts in a row that never reached their instance. */
  unsent: number;
  instanceId: string | undefined;
  promptId: string | undefined;
  leasedAt: number | undefined;
  /** True once its prompt reached the instance: only then is `instance_id` told. */
  isOnInstance: boolean;
  startedAt: number | undefined;
  /** When its run on the instance began, by a clock that is never set; undefined before, and for what began before a restart. */
  runTick: number | undefined;
  /** How long the run was on the instance, once it is over there. */
  ranMs: number | undefined;
  /** What it keeps of its account's funds; undefined when billing is off. */
  readonly hold: Hold | undefined;
  /** What is told later of the attempt under way (report.pure.ts). */
  trace: AttemptTrace | undefined;
  /** Dropped when memory is short; read again from the database when its turn comes. */
  payload: RequestPayload | undefined;
  stop: StopWish | undefined;
  /** Set by the attempt that runs it. */
  onStop: (() => void) | undefined;
  /** What its graph loads, overrides included; kept by dispatch/model-sets.ts. undefined: what its version does. */
  models: string | undefined;
  /** Where it stands in its lane; kept by dispatch/lane.ts. */
  laneIndex: number;
  /** How far the attempt under way is, from its frames. */
  progress: RunProgress | undefined;
  notes: Note[] | undefined;
  watchers: Set<LiveWatcher> | undefined;
}

export interface LiveIndex {
  readonly size: number;
  add(request: LiveRequest): void;
  get(id: string): LiveRequest | undefined;
  remove(id: string): void;
  countWaiting(deploymentId: string): number;
  /** Those with a start_within_seconds. */
  timed(): IterableIterator<LiveRequest>;
  all(): IterableIterator<LiveRequest>;
  /** Resolves once the request is no longer live, or after the time. */
  waitForEnd(id: string, waitMs: number): Promise<void>;
  /** Answers everybody who waits: the service is stopping. */
  stopWaiting(): void;
}

export function createLiveIndex(): LiveIndex {
  const requests = new Map<string, LiveRequest>();
  const counts = new Map<string, number>();
  const timed = new Set<LiveRequest>();
  const waiters = new Map<string, Set<() => void>>();

  function count(deploymentId: string, by: number) {
    const next = (counts.get(deploymentId) ?? 0) + by;
    if (next === 0) counts.delete(deploymentId);
    else counts.set(deploymentId, next);
  }

  return {
    get size() {
      return requests.size;
    },
    add(request) {
      requests.set(request.id, request);
      count(request.deploymentId, 1);
      if (request.startBy !== undefined) timed.add(request);
    },
    get: (id) => requests.get(id),
    remove(id) {
      const request = requests.get(id);
      if (request === undefined) return;
      requests.delete(id);
      timed.delete(request);
      count(request.deploymentId, -1);
      publish(request, GONE);
      const waiting = waiters.get(id);
      if (waiting === undefined) return;
      waiters.delete(id);
      for (const wake of waiting) wake();
    },
    countWaiting: (deploymentId) => counts.get(deploymentId) ?? 0,
    timed: () => timed.values(),
    all: () => requests.values(),
    stopWaiting() {
      for (const waiting of [...waiters.values()]) for (const wake of [...waiting]) wake();
    },
    waitForEnd(id, waitMs) {
      if (!requests.has(id)) return Promise.resolve();
      return new Promise((resolve) => {
        const waiting = waiters.get(id) ?? new Set();
        waiters.set(id, waiting);
        const timer = setTimeout(finish, waitMs);
        function finish() {
          clearTimeout(timer);
          waiting.delete(finish);
          if (waiting.size === 0) waiters.delete(id);
          resolve();
        }
        waiting.add(finish);
      });
    },
  };
}

const GONE: LiveChange = { kind: 'gone' };
const MAX_NOTES = 50;

/** Costs nothing while nobody watches. */
export function publish(request: LiveRequest, change: LiveChange): void {
  if (request.watchers === undefined) return;
  for (const watcher of request.watchers) watcher.onChange(request, change);
}

export function watch(request: LiveRequest, watcher: LiveWatcher): void {
  request.watchers ??= new Set();
  request.watchers.add(watcher);
}

export function unwatch(request: LiveRequest, watcher: LiveWatcher): void {
  request.watchers?.delete(watcher);
  if (request.watchers?.size === 0) request.watchers = undefined;
}

export function addNote(request: LiveRequest, note: Note): void {
  request.notes ??= [];
  // What is tried over and over is said once.
  if (request.notes.length >= MAX_NOTES || request.notes.at(-1)?.message === note.message) return;
  request.notes.push(note);
  publish(request, { kind: 'note' });
}

/** Records that a request has to end; what it is doing now hears of it at once. */
export function wishStop(request: LiveRequest, wish: StopWish): void {
  if (request.stop !== undefined) return;
  request.stop = wish;
  request.onStop?.();
}

/** It waits again: what was told of its attempt is none of the next one's. */
export function forgetAttempt(request: LiveRequest): void {
  request.phase = 'queued';
  request.instanceId = undefined;
  request.promptId = undefined;
  request.leasedAt = undefined;
  request.startedAt = undefined;
  request.runTick = undefined;
  request.ranMs = undefined;
  request.trace = undefined;
  request.isOnInstance = false;
  request.progress = undefined;
}
