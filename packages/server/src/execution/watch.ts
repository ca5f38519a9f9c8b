// Watches one prompt on one instance until it is over. Frames drive it; the instance is asked (ask-instance.ts) when
// frames may be missing: a lost socket, long silence, a restart of this service. Called by follow.ts.
//
//   following ──terminal frame──▶ over        following ──socket lost, silence──▶ asking ──history, or lost──▶ over
import type { ExecutionError, Frame, HistoryEntry, JsonValue } from '@comfleet/comfyui';
import type { InstanceConnection } from '../instances/connection.ts';
import { awakeNow } from '../telemetry/awake-time.ts';
import { type AskTimes, askInstance } from './ask-instance.ts';

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
  /**
   * `isAbsent`: the instance answered, and knows nothing of the prompt.
   * `isWorkerDead`: it answers, and runs nothing; `hasBegun`: the prompt is in the dead worker's hands.
   */
  | { kind: 'lost'; reason: string; isAbsent: boolean; isWorkerDead?: boolean; hasBegun?: boolean };

export interface WatchTimes extends AskTimes {
  /** Without a frame of this prompt for so long, the instance is asked. */
  readonly silenceMs: number;
  /** The prompt was started but no node ever was: the instance's worker is dead. */
  readonly workerDeadMs: number;
}

export const WATCH_TIMES: WatchTimes = {
  silenceMs: 5_000,
  refusedMs: 2_000,
  // A load of a model holds python for seconds, and answers late. With the silence before it, noticed within 30 s.
  unreachableMs: 20_000,
  // With the silence before it, noticed within 10 s.
  idleMs: 3_500,
  // Between the start and the first node ComfyUI only looks at its cache; the timer adds up to a second.
  workerDeadMs: 9_000,
};

export interface WatchDeps {
  readonly connection: InstanceConnection;
  readonly promptId: string;
  readonly times: WatchTimes;
  /** Every frame of this prompt, before it is read here. */
  readonly onFrame: (frame: Frame) => void;
  readonly onExecuted: (nodeId: string, output: JsonValue) => void;
  readonly onPreview: (nodeId: string, image: Buffer, contentType: string) => void;
  /** Called in the frame's own turn, before anything else happens: the next prompt goes out from here. */
  readonly onOver: () => void;
}

export interface Watch {
  readonly ended: Promise<RunEnd>;
  isOver(): boolean;
  /** Frames were missed, or the POST's fate is unknown: ask the instance from now on. */
  ask(): void;
  /** The instance is certainly gone. */
  giveUp(reason: string): void;
  stop(): void;
}

/** What one watch knows so far. */
interface Seen {
  readonly outputs: Map<string, JsonValue>;
  /** Of all outputs that were heard, roughly. */
  outputCharacters: number;
  readonly cached: Set<string>;
  isOver: boolean;
  /** While the instance is asked: most runs end without. */
  asking: AbortController | undefined;
  hasAllFrames: boolean;
  /** In awake time, as `lastHeardAt` is: what this process did not hear while it stood still is nobody's silence. */
  startedAt: number | undefined;
  hasRunNode: boolean;
  currentNode: string;
  lastHeardAt: number;
}

const OVER = Symbol('over');

function beginSeen(): Seen {
  return {
    outputs: new Map(),
    outputCharacters: 0,
    cached: new Set(),
    isOver: false,
    asking: undefined,
    hasAllFrames: true,
    startedAt: undefined,
    hasRunNode: false,
    currentNode: '',
    lastHeardAt: awakeNow(),
  };
}

export function watchPrompt(deps: WatchDeps): Watch {
  const seen = beginSeen();
  let resolveEnd: (end: RunEnd) => void = () => undefined;
  const ended = new Promise<RunEnd>((resolve) => {
    resolveEnd = resolve;
  });

  function end(result: RunEnd | undefined) {
    if (result === undefined || seen.isOver) return;
    seen.isOver = true;
    // A reason of our own: the default one is an error with a stack.
    seen.asking?.abort(OVER);
    stopListening();
    clearInterval(silenceTimer);
    deps.onOver();
    resolveEnd(result);
  }

  function ask(isBlind: boolean) {
    if (isBlind) seen.hasAllFrames = false;
    if (seen.asking !== undefined || seen.isOver) return;
    seen.asking = new AbortController();
    void askOnce(deps, seen, seen.asking.signal).then((result) => {
      seen.asking = undefined;
      end(result);
    });
  }

  const stopListening = deps.connection.listen(deps.promptId, {
    onFrame(frame) {
      seen.lastHeardAt = awakeNow();
      deps.onFrame(frame);
      // Over, and none of the terminal frames was seen: history says which it was.
      if (frame.type === 'done') ask(true);
      else end(readFrame(deps, seen, frame));
    },
    onSocketLost: () => ask(true),
  });
  const silenceTimer = setInterval(
    () => {
      const dead = judgeWorker(deps.times, seen);
      if (dead) end(dead);
      else if (awakeNow() - seen.lastHeardAt > deps.times.silenceMs) {
        seen.lastHeardAt = awakeNow();
        ask(false);
      }
    },
    Math.min(1_000, deps.times.silenceMs),
  );

  return {
    ended,
    isOver: () => seen.isOver,
    ask: () => ask(true),
    giveUp: (reason) => end({ kind: 'lost', reason, isAbsent: false }),
    stop: () => end({ kind: 'interrupted' }),
  };
}

/** Takes a frame in; the end of the run when it is one. */
function readFrame(deps: WatchDeps, seen: Seen, frame: Frame): RunEnd | undefined {
  switch (frame.type) {
    case 'execution_success':
      return success(seen, undefined);
    case 'execution_error':
      return frame.isTerminal ? { kind: 'error', error: frame.error } : undefined;
    case 'execution_interrupted':
      return { kind: 'interrupted' };
    case 'execution_start':
      seen.startedAt = seen.lastHeardAt;
      break;
    case 'execution_cached':
      for (const node of frame.nodes.slice(0, MAX_CACHED - seen.cached.size)) seen.cached.add(node);
      break;
    case 'executing':
      seen.hasRunNode = true;
      seen.currentNode = frame.nodeId;
      break;
    case 'progress_state':
    case 'progress':
      seen.hasRunNode = true;
      break;
    case 'executed':
      if (frame.output === null || !keepOutput(seen, frame.displayNodeId, frame.output)) break;
      deps.onExecuted(frame.displayNodeId, frame.output);
      break;
    case 'preview':
      deps.onPreview(frame.displayNodeId ?? frame.nodeId ?? seen.currentNode, frame.image, frame.contentType);
      break;
    default:
      break;
  }
  return undefined;
}

/** An instance that lies may send any number of outputs. Beyond this, what history says counts, which has a limit of its own. */
const MAX_OUTPUT_CHARACTERS = 64 * 1024 * 1024;
const MAX_CACHED = 100_000;
const ENTRY_CHARACTERS = 32;

function keepOutput(seen: Seen, nodeId: string, output: JsonValue): boolean {
  seen.outputCharacters += nodeId.length + weigh(output);
  if (seen.outputCharacters <= MAX_OUTPUT_CHARACTERS) {
    seen.outputs.set(nodeId, output);
    return true;
  }
  seen.outputs.clear();
  seen.hasAllFrames = false;
  return false;
}

function weigh(value: JsonValue): number {
  if (typeof value === 'string') return ENTRY_CHARACTERS + value.length;
  if (typeof value !== 'object' || value === null) return ENTRY_CHARACTERS;
  const entries = Object.entries(value);
  return entries.reduce((sum, [key, entry]) => sum + key.length + weigh(entry), ENTRY_CHARACTERS);
}

function success(seen: Seen, entry: HistoryEntry | undefined): RunEnd {
  // Cached nodes that show something are not re-sent unless they are outputs: history has them all.
  const isComplete = seen.hasAllFrames && seen.cached.size === 0 && seen.outputs.size > 0;
  return { kind: 'success', seen: seen.outputs, isComplete, entry, cached: seen.cached };
}

function judgeWorker(times: WatchTimes, seen: Seen): RunEnd | undefined {
  // Once frames may be missing, that none came says nothing.
  if (seen.startedAt === undefined || seen.hasRunNode || !seen.hasAllFrames) return undefined;
  const silentMs = awakeNow() - seen.startedAt;
  if (silentMs <= times.workerDeadMs) return undefined;
  const reason = `the instance started the prompt and ran no node for ${Math.round(silentMs / 1000)} s: its worker is dead`;
  return { kind: 'lost', reason, isAbsent: false, isWorkerDead: true, hasBegun: true };
}

async function askOnce(deps: WatchDeps, seen: Seen, signal: AbortSignal): Promise<RunEnd | undefined> {
  const { connection, promptId, times } = deps;
  const framesFlow = () => seen.hasAllFrames;
  const hasBegun = () => seen.startedAt !== undefined || seen.hasRunNode;
  const answer = await askInstance({ connection, promptId, times, signal, framesFlow, hasBegun });
  if (answer.kind === 'alive') return undefined;
  if (answer.kind === 'lost') return answer;
  const { terminal } = answer.entry;
  if (terminal.kind === 'error') return { kind: 'error', error: terminal.error };
  if (terminal.kind === 'interrupted') return { kind: 'interrupted' };
  if (terminal.kind === 'unknown') {
    return { kind: 'lost', reason: 'the instance ended the prompt without saying how', isAbsent: false };
  }
  for (const node of cachedNodes(answer.entry)) seen.cached.add(node);
  return success(seen, answer.entry);
}

function cachedNodes(entry: HistoryEntry): string[] {
  const message = entry.status.messages.find(({ type }) => type === 'execution_cached');
  const nodes = message?.data['nodes'];
  return Array.isArray(nodes) ? nodes.filter((node) => typeof node === 'string') : [];
}
