// The requests that have not ended, in memory: an index over the rows that can be thrown away and rebuilt.
// submit.ts adds, finish.ts removes; status polls, cancel and dispatch read it.
import type { ErrorCode } from '@comfleet/api';
import type { RequestPayload } from './payload.ts';

/** `queued`: waits for an instance · `leased`: given to one, not yet sent · `running`: sent · `collecting`: ran, files on their way. */
export type LivePhase = 'queued' | 'leased' | 'running' | 'collecting';

/** Why a request has to end early. The first wish wins. */
export type StopWish = { kind: 'cancel' } | { kind: 'fail'; code: ErrorCode; details: string };

export interface LiveRequest {
  readonly id: string;
  readonly accountId: string;
  readonly deploymentId: string;
  readonly versionId: string;
  readonly priority: number;
  readonly createdAt: number;
  readonly startBy: number | undefined;
  readonly runWithinMs: number | undefined;
  phase: LivePhase;
  epoch: number;
  losses: number;
  /** Attempts in a row that never reached their instance. */
  unsent: number;
  instanceId: string | undefined;
  promptId: string | undefined;
  leasedAt: number | undefined;
  /** True once its prompt reached the instance: only then is `instance_id` told. */
  isOnInstance: boolean;
  startedAt: number | undefined;
  /** Dropped when memory is short; read again from the database when its turn comes. */
  payload: RequestPayload | undefined;
  stop: StopWish | undefined;
  /** Set by the attempt that runs it. */
  onStop: (() => void) | undefined;
  /** Where it stands in its lane; kept by dispatch/lane.ts. */
  laneIndex: number;
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

/** Records that a request has to end; what it is doing now hears of it at once. */
export function wishStop(request: LiveRequest, wish: StopWish): void {
  if (request.stop !== undefined) return;
  request.stop = wish;
  request.onStop?.();
}
