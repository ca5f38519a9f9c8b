// What an attempt is made of. Built by dispatch, carried through run.ts, follow.ts, settle.ts and their neighbours.

import type { Database } from '../db/database.ts';
import type { InputCache } from '../files/input-cache.ts';
import type { Fleet, Instance } from '../instances/fleet.ts';
import type { RunReport } from '../instances/health.pure.ts';
import type { SafeFetch } from '../net/safe-fetch.ts';
import type { LiveIndex, LiveRequest, StopWish } from '../requests/live.ts';
import type { RecentlyEnded } from '../requests/recently-ended.ts';
import { MOVED } from '../requests/report.pure.ts';
import type { RequestWrites } from '../requests/writes.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Versions } from '../workflows/versions.ts';
import { type Collector, createCollector } from './collect.ts';
import type { Cause } from './outcome.pure.ts';
import type { SendGuard } from './send-guard.ts';
import type { OutputStore } from './store-output.ts';
import type { Turn } from './turn.ts';
import type { WatchTimes } from './watch.ts';

export interface ExecutionDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly live: LiveIndex;
  readonly recent: RecentlyEnded;
  readonly writes: RequestWrites;
  readonly versions: Versions;
  readonly inputCache: InputCache;
  readonly safeFetch: SafeFetch;
  readonly store: OutputStore;
  readonly watchTimes: WatchTimes;
  readonly limits: {
    readonly runTimeoutMs: number;
    readonly maxFetchBytes: number;
    readonly fetchTimeoutMs: number;
    readonly maxAttempts: number;
    readonly startTimeoutMs: number;
  };
  /** The instance answers and runs nothing. */
  readonly reportDeadWorker: Fleet['reportDeadWorker'];
  /** How a run ended there: an instance that spoils what it is given is noticed by that. */
  readonly reportRun: (instance: Instance, run: RunReport) => void;
  /** How much memory its GPU has, in words; undefined where nobody knows. */
  readonly memoryOf?: (instance: Instance) => string | undefined;
  /** With replicas: what every prompt passes. */
  readonly sendGuard?: SendGuard | undefined;
  /** The attempt was lost: the request waits again, at the head of its queue. */
  readonly requeue: (request: LiveRequest) => void;
  /** Others of the deployment wait behind what its instances were given. */
  readonly hasBacklog: (deploymentId: string) => boolean;
}

export interface Attempt {
  readonly request: LiveRequest;
  readonly instance: Instance;
  readonly turn: Turn;
  readonly promptId: string;
  readonly isResumed: boolean;
  /** The folder below the instance's output folder that this attempt's files go to: runs are never answered with each other's files. */
  readonly folder: string;
  readonly collector: Collector;
  /** Aborts what was not sent yet: a stop wish, or the instance went away. */
  readonly signal: AbortSignal;
  /** Why the signal was aborted, when it was not the request's own stop wish. */
  leaveReason: string | undefined;
  /** Its prompt may be, or have been, on the instance. */
  isSent: boolean;
  /** The instance is certainly gone. Set by follow.ts once it watches. */
  onGone: ((reason: string) => void) | undefined;
  onRunOver(): void;
  /** What is not sent yet goes elsewhere. */
  leave(reason: string): void;
}

interface AttemptInput {
  readonly request: LiveRequest;
  readonly instance: Instance;
  readonly turn: Turn;
  readonly store: OutputStore;
  readonly isResumed: boolean;
  readonly onRunOver: () => void;
}

/** The request must hold its lease: epoch, instance and prompt id are read from it. */
export function createAttempt(input: AttemptInput): Attempt {
  const { request, instance } = input;
  const controller = new AbortController();
  const epoch = (input.isResumed ? request.sentEpoch : undefined) ?? request.epoch;
  const folder = epoch <= 1 ? request.id : `${request.id}-${epoch}`;
  const { promptId } = request;
  if (promptId === undefined) throw new Error('an attempt needs a prompt id');
  const attempt: Attempt = {
    request,
    instance,
    turn: input.turn,
    promptId,
    isResumed: input.isResumed,
    folder,
    collector: createCollector({ store: input.store, instance, requestId: request.id, folder }),
    signal: controller.signal,
    leaveReason: undefined,
    isSent: input.isResumed,
    onGone: undefined,
    onRunOver: input.onRunOver,
    leave(reason) {
      attempt.leaveReason = reason;
      controller.abort();
    },
  };
  if (!input.isResumed) {
    if (request.stop) controller.abort();
    request.onStop = () => controller.abort();
  }
  return attempt;
}

export function wishCause(wish: StopWish): Cause {
  return wish.kind === 'cancel' ? { kind: 'cancelled' } : { kind: 'closed', code: wish.code, details: wish.details };
}

/** Why an attempt that was not sent ended. */
export function stopCause(attempt: Attempt): Cause {
  const { stop } = attempt.request;
  if (stop) return wishCause(stop);
  if (attempt.leaveReason === MOVED) return { kind: 'moved' };
  return { kind: 'not_sent', reason: attempt.leaveReason ?? 'the instance went away' };
}
