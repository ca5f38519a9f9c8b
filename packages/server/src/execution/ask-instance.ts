// What became of a prompt when frames may be missing: asks `/queue`, then `/history`, until there is an answer.
// Called by watch.ts, and while outputs are collected.
import { setTimeout as sleep } from 'node:timers/promises';
import { ComfyError, type HistoryEntry } from '@comfleet/comfyui';
import type { InstanceConnection } from '../instances/connection.ts';
import { awakeNow } from '../telemetry/awake-time.ts';

export interface AskTimes {
  /** Nothing listens at the instance's address for so long: what ran there is lost. */
  readonly refusedMs: number;
  /** The instance neither answers nor refuses for so long. */
  readonly unreachableMs: number;
  /** The prompt waits there and nothing runs, for so long: the worker is dead. Between two prompts it looks so for a moment. */
  readonly idleMs: number;
}

export interface Asking {
  readonly connection: InstanceConnection;
  readonly promptId: string;
  readonly times: AskTimes;
  readonly signal: AbortSignal;
  /** While frames still come, one answer that the prompt is alive is enough. */
  readonly framesFlow: () => boolean;
  /** It was heard to run: whatever the queue says of it, it does not wait. */
  readonly hasBegun: () => boolean;
}

export type Answer =
  | { kind: 'history'; entry: HistoryEntry }
  /**
   * `isAbsent`: the instance answered, and knows nothing of the prompt.
   * `isWorkerDead`: it answers, and runs nothing.
   */
  | { kind: 'lost'; reason: string; isAbsent: boolean; isWorkerDead?: boolean }
  | { kind: 'alive' };

const ABSENT = 'the instance does not know the prompt: it was restarted, dropped it or never got it';
const FIRST_PAUSE_MS = 100;
/** `/queue` answers with whole graphs: not more often than this for a run that takes long. */
const LONGEST_PAUSE_MS = 2_000;
const LONGEST_IDLE_PAUSE_MS = 500;
/** A prompt whose POST was cut off may still be on its way to the queue: absent only counts when seen twice. */
const SECOND_LOOK_MS = 400;
const LOOKS = 2;

export async function askInstance(asking: Asking): Promise<Answer> {
  const { signal } = asking;
  const trouble = createTrouble(asking.times);
  const doubt = createDoubt(asking.times);
  while (!signal.aborted) {
    const found = await lookUp(asking, trouble);
    if (typeof found === 'object') return found;
    if (found === 'queued' && asking.framesFlow()) break;
    const lost = doubt.judge(found);
    if (lost) return lost;
    await sleep(doubt.pauseMs(found), undefined, { signal }).catch(() => undefined); // ended meanwhile
  }
  return { kind: 'alive' };
}

/** `idle`: it waits, and nothing runs. */
type Look = Answer | 'queued' | 'idle' | 'absent' | 'trouble';

type Found = Exclude<Look, Answer>;

/** What the instance's answers add up to. */
function createDoubt({ idleMs }: AskTimes) {
  let absences = 0;
  let idleSince: number | undefined;
  let nextPauseMs = FIRST_PAUSE_MS;
  return {
    judge(found: Found): Answer | undefined {
      absences = found === 'absent' ? absences + 1 : 0;
      if (absences >= LOOKS) return { kind: 'lost', reason: ABSENT, isAbsent: true };
      idleSince = found === 'idle' ? (idleSince ?? awakeNow()) : undefined;
      if (idleSince === undefined || awakeNow() - idleSince < idleMs) return undefined;
      const reason = `the instance kept the prompt waiting for ${Math.round(idleMs / 1_000)} s and ran nothing: its worker is dead`;
      return { kind: 'lost', reason, isAbsent: false, isWorkerDead: true };
    },
    pauseMs(found: Found): number {
      const pauseMs = found === 'absent' ? SECOND_LOOK_MS : nextPauseMs;
      const longestMs = found === 'idle' ? LONGEST_IDLE_PAUSE_MS : LONGEST_PAUSE_MS;
      const isThere = found === 'queued' || found === 'idle';
      nextPauseMs = isThere ? Math.min(nextPauseMs * 1.5, longestMs) : FIRST_PAUSE_MS;
      return pauseMs;
    },
  };
}

// Queue before history: a prompt moves from the one to the other, so this order cannot miss it in between.
async function lookUp({ connection, promptId, hasBegun }: Asking, trouble: Trouble): Promise<Look> {
  const askedAt = awakeNow();
  try {
    const { running, pending } = await answerWithin(connection.client.queue(), trouble.leftMs(askedAt));
    if (running.includes(promptId) || pending.includes(promptId)) {
      trouble.clear();
      return running.length > 0 || hasBegun() ? 'queued' : 'idle';
    }
    const entry = await answerWithin(connection.client.history(promptId), trouble.leftMs(askedAt));
    trouble.clear();
    return entry ? { kind: 'history', entry } : 'absent';
  } catch (error) {
    const reason = trouble.add(error, askedAt);
    return reason === undefined ? 'trouble' : { kind: 'lost', reason, isAbsent: false };
  }
}

// A frozen process keeps its connections open and answers none of them: the client's own, longer time-out is not awaited.
export async function answerWithin<T>(answer: Promise<T>, ms: number): Promise<T> {
  const timing = new AbortController();
  const late = sleep(ms, undefined, { signal: timing.signal }).then((): never => {
    throw new Error('no answer came');
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    timing.abort();
    late.catch(() => undefined); // the answer was in time
    answer.catch(() => undefined); // too late to matter
  }
}

/** In awake time: while this process stood still, it heard nobody. */
interface Trouble {
  clear(): void;
  /** How long a call that began then may stay unanswered. */
  leftMs(askedAt: number): number;
  /** The verdict, once failed calls add up to one. */
  add(error: unknown, askedAt: number): string | undefined;
}

function createTrouble(times: AskTimes): Trouble {
  let since: number | undefined;
  let refusedSince: number | undefined;
  return {
    clear() {
      since = undefined;
      refusedSince = undefined;
    },
    leftMs: (askedAt) => Math.max(1, times.unreachableMs - (awakeNow() - (since ?? askedAt))),
    add(error, askedAt) {
      const now = awakeNow();
      since ??= askedAt;
      const isRefused = error instanceof ComfyError && error.kind === 'refused';
      refusedSince = isRefused ? (refusedSince ?? now) : undefined;
      if (refusedSince !== undefined && now - refusedSince >= times.refusedMs) {
        return 'the instance went away: nothing listens at its address';
      }
      if (now - since < times.unreachableMs) return undefined;
      const last = error instanceof Error ? error.message : String(error);
      return `the instance could not be reached for ${Math.round(times.unreachableMs / 1000)} s: ${last}`;
    },
  };
}
