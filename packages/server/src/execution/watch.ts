// Watches one prompt on one instance until it is over. Frames drive it; `/queue` and `/history` are asked when frames may
// be missing (socket lost, long silence, a restart of this service). Called by run.ts.
//
//   following ──terminal frame──▶ over          following ──socket lost, silence──▶ asking ──history, or lost──▶ over
import { setTimeout as sleep } from 'node:timers/promises';
import { ComfyError, type ExecutionError, type Frame, type HistoryEntry, type JsonValue } from '@comfleet/comfyui';
import type { InstanceConnection } from '../instances/connection.ts';

export type RunEnd =
  | {
      kind: 'success';
      /** What the frames told. */
      seen: Map<string, JsonValue>;
      /** True when that is all there is; otherwise history has to be read. */
      isComplete: boolean;
      entry: HistoryEntry | undefined;
      cached: Set<string>;
    }
  | { kind: 'error'; error: ExecutionError }
  | { kind: 'interrupted' }
  /** `isAbsent`: the instance answered, and knows nothing of the prompt. */
  | { kind: 'lost'; reason: string; isAbsent: boolean };

export interface WatchTimes {
  /** Without a frame of this prompt for so long, the instance is asked. */
  readonly silenceMs: number;
  /** Nothing listens at the instance's address for so long: what ran there is lost. */
  readonly refusedMs: number;
  /** The instance neither answers nor refuses for so long. */
  readonly unreachableMs: number;
  /** The prompt was started but no node ever was: the instance's worker is dead. */
  readonly workerDeadMs: number;
}

export const WATCH_TIMES: WatchTimes = {
  silenceMs: 5_000,
  refusedMs: 2_000,
  unreachableMs: 60_000,
  workerDeadMs: 30_000,
};

const OVER = Symbol('over');
const ASK_PAUSE_MS = 100;
/** `/queue` answers with whole graphs: not more often than this for a run that takes long. */
const LONGEST_ASK_PAUSE_MS = 2_000;
/** A prompt whose POST was cut off may still be on its way to the queue. */
const SECOND_LOOK_MS = 400;

interface WatchDeps {
  readonly connection: InstanceConnection;
  readonly promptId: string;
  readonly times: WatchTimes;
  readonly onStarted: () => void;
  readonly onExecuted: (nodeId: string, output: JsonValue) => void;
  readonly onPreview: (nodeId: string, image: Buffer, contentType: string) => void;
  /** Called in the frame's own turn, before anything else happens: the next prompt goes out from here. */
  readonly onOver: () => void;
}

export interface Watch {
  readonly ended: Promise<RunEnd>;
  /** Frames were missed, or the POST's fate is unknown: ask the instance from now on. */
  ask(): void;
  /** The instance is certainly gone. */
  giveUp(reason: string): void;
  stop(): void;
}

export function watchPrompt(deps: WatchDeps): Watch {
  const outputs = new Map<string, JsonValue>();
  const cached = new Set<string>();
  const stopping = new AbortController();
  let hasAllFrames = true;
  let isAsking = false;
  let isOver = false;
  let startedAt: number | undefined;
  let hasRunNode = false;
  let currentNode: string | undefined;
  let lastHeardAt = performance.now();
  let resolveEnd: (end: RunEnd) => void = () => undefined;
  const ended = new Promise<RunEnd>((resolve) => {
    resolveEnd = resolve;
  });

  function end(result: RunEnd) {
    if (isOver) return;
    isOver = true;
    // A reason of our own: the default one is an error with a stack, for every run.
    stopping.abort(OVER);
    stopListening();
    clearInterval(silenceTimer);
    deps.onOver();
    resolveEnd(result);
  }

  function succeed(entry: HistoryEntry | undefined) {
    // Cached nodes that show something are not re-sent unless they are outputs: history has them all.
    const isComplete = hasAllFrames && cached.size === 0 && outputs.size > 0;
    end({ kind: 'success', seen: outputs, isComplete, entry, cached });
  }

  function onFrame(frame: Frame) {
    lastHeardAt = performance.now();
    switch (frame.type) {
      case 'execution_start':
        startedAt = lastHeardAt;
        deps.onStarted();
        break;
      case 'execution_cached':
        for (const node of frame.nodes) cached.add(node);
        break;
      case 'executing':
        hasRunNode = true;
        currentNode = frame.nodeId;
        break;
      case 'progress_state':
      case 'progress':
        hasRunNode = true;
        break;
      case 'executed':
        if (frame.output === null) break;
        outputs.set(frame.displayNodeId, frame.output);
        deps.onExecuted(frame.displayNodeId, frame.output);
        break;
      case 'preview':
        deps.onPreview(frame.displayNodeId ?? frame.nodeId ?? currentNode ?? '', frame.image, frame.contentType);
        break;
      case 'execution_success':
        succeed(undefined);
        break;
      case 'execution_error':
        if (frame.isTerminal) end({ kind: 'error', error: frame.error });
        break;
      case 'execution_interrupted':
        end({ kind: 'interrupted' });
        break;
      case 'done':
        // Over, and none of the terminal frames was seen: history says which it was.
        hasAllFrames = false;
        ask();
        break;
      default:
        break;
    }
  }

  function ask() {
    if (isAsking || isOver) return;
    isAsking = true;
    void askUntilOver({ deps, signal: stopping.signal, framesFlow: () => hasAllFrames }).then((answer) => {
      isAsking = false;
      if (answer === 'waiting' || isOver) return;
      if (answer.kind === 'lost') return end(answer);
      endFromHistory(answer.entry);
    });
  }

  function endFromHistory(entry: HistoryEntry) {
    const { terminal } = entry;
    if (terminal.kind === 'error') return end({ kind: 'error', error: terminal.error });
    if (terminal.kind === 'interrupted') return end({ kind: 'interrupted' });
    succeed(entry);
  }

  const stopListening = deps.connection.listen(deps.promptId, {
    onFrame,
    onSocketLost() {
      hasAllFrames = false;
      ask();
    },
  });
  const silenceTimer = setInterval(
    () => {
      const now = performance.now();
      if (startedAt !== undefined && !hasRunNode && now - startedAt > deps.times.workerDeadMs) {
        end({
          kind: 'lost',
          reason: `the instance started the prompt and ran no node for ${Math.round((now - startedAt) / 1000)} s: its worker is dead`,
          isAbsent: false,
        });
      } else if (now - lastHeardAt > deps.times.silenceMs) {
        lastHeardAt = now;
        ask();
      }
    },
    Math.min(1_000, deps.times.silenceMs),
  );

  return {
    ended,
    ask() {
      hasAllFrames = false;
      ask();
    },
    giveUp: (reason) => end({ kind: 'lost', reason, isAbsent: false }),
    stop: () => end({ kind: 'interrupted' }),
  };
}

const ABSENT = 'the instance does not know the prompt: it was restarted, dropped it or never got it';

type Answer = { kind: 'history'; entry: HistoryEntry } | Extract<RunEnd, { kind: 'lost' }> | 'waiting';

/** Asks until the prompt is over or lost; `waiting` once it is known to be alive and frames flow again. */
interface Asking {
  readonly deps: WatchDeps;
  readonly signal: AbortSignal;
  /** While frames still come, one answer that the prompt is alive is enough. */
  readonly framesFlow: () => boolean;
}

async function askUntilOver({ deps, signal, framesFlow }: Asking): Promise<Answer> {
  let pauseMs = ASK_PAUSE_MS;
  const trouble = createTrouble(deps.times);
  let missing = 0;
  while (!signal.aborted) {
    try {
      const found = await lookUp(deps);
      trouble.clear();
      if (found !== 'absent' && found !== 'queued') return { kind: 'history', entry: found };
      missing = found === 'absent' ? missing + 1 : 0;
      if (missing >= 2) return { kind: 'lost', reason: ABSENT, isAbsent: true };
      if (found === 'queued' && framesFlow()) return 'waiting';
      pauseMs = Math.min(pauseMs * 1.5, LONGEST_ASK_PAUSE_MS);
      await sleep(missing > 0 ? SECOND_LOOK_MS : pauseMs, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return 'waiting';
      const verdict = trouble.add(error);
      if (verdict !== undefined) return { kind: 'lost', reason: verdict, isAbsent: false };
      await sleep(ASK_PAUSE_MS, undefined, { signal }).catch(() => undefined); // ended meanwhile
    }
  }
  return 'waiting';
}

// Queue before history: a prompt moves from the one to the other, so this order cannot miss it in between.
async function lookUp({ connection, promptId }: WatchDeps): Promise<HistoryEntry | 'queued' | 'absent'> {
  const { running, pending } = await connection.client.queue();
  if (running.includes(promptId) || pending.includes(promptId)) return 'queued';
  return (await connection.client.history(promptId)) ?? 'absent';
}

/** Failed calls add up to a verdict; any answer clears them. */
function createTrouble(times: WatchTimes) {
  let since: number | undefined;
  let refusedSince: number | undefined;
  return {
    clear() {
      since = undefined;
      refusedSince = undefined;
    },
    add(error: unknown): string | undefined {
      const now = performance.now();
      since ??= now;
      const isRefused = error instanceof ComfyError && error.kind === 'refused';
      refusedSince = isRefused ? (refusedSince ?? now) : undefined;
      if (refusedSince !== undefined && now - refusedSince >= times.refusedMs)
        return 'the instance went away: nothing listens at its address';
      if (now - since < times.unreachableMs) return undefined;
      return `the instance could not be reached for ${Math.round(times.unreachableMs / 1000)} s: ${error instanceof Error ? error.message : String(error)}`;
    },
  };
}
