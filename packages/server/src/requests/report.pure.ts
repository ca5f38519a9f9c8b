// What is kept of an attempt for those who ask later: why it ran where it did, when its phases began, its nodes' times.
// Dispatch starts the trace, run.ts adds to it, finish.ts and settle.ts write it down, history/ reads it.
import { storableJson } from '../db/storable.pure.ts';
import type { RunProgress } from './run-progress.pure.ts';

/** Why this request was the one to be given to an instance. */
export type Because =
  | 'idle'
  | 'only one waiting'
  | 'least used account'
  | 'priority'
  | 'first come'
  | 'its models are loaded'
  | 'loading is sooner than waiting'
  | 'waited longest'
  | 'resumed';

/** The cause on record of an attempt that was taken back, unsent, to run elsewhere. */
export const MOVED = 'moved to an idle instance before it was sent';

/** Why it was given to an instance that was busy, and not to another one (dispatch/next-instance.pure.ts). */
export type WhyThere =
  /** None that takes work had less to do. */
  | 'fewest before it'
  /** Its deployment may be on no further instance. */
  | 'max_instances'
  /** The instance will have its models loaded. */
  | 'its models'
  /** It was given together with others. */
  | 'room for more';

/** Milliseconds since 1970. */
export interface AttemptTrace {
  readonly because: Because;
  /** Requests that went on waiting when it was chosen. */
  readonly waiting: number;
  /** When its instance became ready. */
  readonly readyAt: number;
  /** Requests that were given to its instance before and not over there. */
  readonly ahead: number;
  /** Undefined when there were none. */
  readonly whyThere: WhyThere | undefined;
  media: readonly [from: number, until: number] | undefined;
  runEndedAt: number | undefined;
  /** The request whose stored files it was given. */
  cachedFrom: string | undefined;
}

// One of each for every run: field by field, because V8 makes slow objects of spreads.
export function startTrace(start: Omit<AttemptTrace, 'media' | 'runEndedAt' | 'cachedFrom'>): AttemptTrace {
  const { because, waiting, readyAt, ahead, whyThere } = start;
  return { because, waiting, readyAt, ahead, whyThere, media: undefined, runEndedAt: undefined, cachedFrom: undefined };
}

interface Traced {
  readonly trace: AttemptTrace | undefined;
  readonly leasedAt: number | undefined;
  readonly progress: RunProgress | undefined;
}

export function noteMedia({ trace }: Traced, from: number, until: number): void {
  if (trace) trace.media = [from, until];
}

export function noteRunEnd({ trace }: Traced, now: number): void {
  if (trace) trace.runEndedAt ??= now;
}

/** [node id, ms, 1 when it was taken from the cache] */
type NodeTime = [nodeId: string, ms: number, cached: 0 | 1];

export interface Report {
  readonly because: Because;
  readonly waiting: number;
  readonly readyAt: number;
  /** Not there when there were none. */
  readonly ahead?: number | undefined;
  readonly whyThere?: WhyThere | undefined;
  readonly leasedAt?: number | undefined;
  readonly media?: readonly [number, number] | undefined;
  readonly runEndedAt?: number | undefined;
  readonly cachedFrom?: string | undefined;
  readonly nodes: readonly NodeTime[];
}

export function makeReport(request: Traced, now: number): Report | undefined {
  const { trace, leasedAt, progress } = request;
  if (trace === undefined) return undefined;
  const { because, waiting, readyAt, whyThere, media, runEndedAt, cachedFrom } = trace;
  const nodes = progress ? listNodes(progress, runEndedAt ?? now) : [];
  const ahead = trace.ahead > 0 ? trace.ahead : undefined;
  return { because, waiting, readyAt, ahead, whyThere, media, runEndedAt, cachedFrom, leasedAt, nodes };
}

/** JSON text; undefined for a request that no instance was given. */
export function writeReport(request: Traced): string | undefined {
  if (request.trace === undefined) return undefined;
  return storableJson(makeReport(request, request.trace.runEndedAt ?? request.leasedAt ?? 0));
}

export function readReport(text: string | null): Report | undefined {
  return text === null ? undefined : (JSON.parse(text) as Report);
}

function listNodes(progress: RunProgress, until: number): NodeTime[] {
  const times: NodeTime[] = [];
  for (const [nodeId, { startedAt, endedAt, isCached }] of progress.nodes) {
    times.push([nodeId, Math.max(0, (endedAt ?? until) - startedAt), isCached ? 1 : 0]);
  }
  return times;
}
