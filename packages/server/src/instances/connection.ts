// The line to one ComfyUI: its client, its websocket, and the frames handed to whoever runs a prompt there.
//
//   connecting ──answers and socket open──▶ ready ──socket lost──▶ connecting ──▶ …   closed ends it from anywhere
//
// After a socket loss nothing is replayed: attempts are told, and look their prompts up themselves (execution/watch.ts).
import { setTimeout as sleep } from 'node:timers/promises';
import { type ComfyClient, type ComfySocket, createComfyClient, type Frame, type Malformed } from '@comfleet/comfyui';
import type { Log } from '../telemetry/log.ts';

export interface PromptListener {
  onFrame(frame: Frame): void;
  /** Frames may be missing from now on; the prompt itself goes on or is gone. */
  onSocketLost(): void;
}

export interface InstanceConnection {
  readonly client: ComfyClient;
  readonly baseUrl: string;
  isReady(): boolean;
  /** The open socket's id, to be sent with each prompt; undefined while there is none. */
  clientId(): string | undefined;
  /** Why it is not ready, in words for a person. */
  lastCause(): string | undefined;
  /** When it was last known to answer. */
  lastSeenAt(): number;
  listen(promptId: string, listener: PromptListener): () => void;
  /** A frame that another socket to this instance heard. */
  deliver(frame: Frame): void;
  close(): Promise<void>;
}

interface Deps {
  readonly baseUrl: string;
  readonly now: () => number;
  readonly log: Log;
  /** Somebody waits for its first answer: it is asked often, and quietly. */
  readonly isAwaited?: boolean;
  readonly onReady: () => void;
  /** Its websocket is open and says nothing: it may stand still. `onHeard`: it went on. */
  readonly onQuiet: (cause: string) => void;
  readonly onHeard: () => void;
  readonly onLost: (cause: string) => void;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

export function createConnection(deps: Deps): InstanceConnection {
  const client = createComfyClient({ baseUrl: deps.baseUrl, clientIdPrefix: 'comfleet-' });
  const listeners = new Map<string, PromptListener>();
  const closing = new AbortController();
  let socket: ComfySocket | undefined;
  let lastCause: string | undefined;
  let lastSeenAt = 0;
  /** Previews of the old form carry no prompt id: they belong to what is executing. */
  let executing: string | undefined;

  function deliver(frame: Frame | Malformed) {
    lastSeenAt = deps.now();
    if (frame.type === 'malformed')
      return deps.log.debug({ reason: frame.reason }, 'an unreadable frame was passed over');
    if (frame.type === 'execution_start') executing = frame.promptId;
    const promptId = 'promptId' in frame ? (frame.promptId ?? executing) : undefined;
    if (promptId !== undefined) listeners.get(promptId)?.onFrame(frame);
  }

  function lose(cause: string) {
    socket = undefined;
    lastCause = cause;
    if (closing.signal.aborted) return;
    deps.onLost(cause);
    for (const listener of [...listeners.values()]) listener.onSocketLost();
    void stayConnected();
  }

  async function stayConnected() {
    const pause = choosePause(deps, lastSeenAt, closing.signal);
    while (!closing.signal.aborted && socket === undefined) {
      try {
        await client.promptCount();
        socket = await openSocket(client, deps, { deliver, lose });
        lastSeenAt = deps.now();
        lastCause = undefined;
        if (closing.signal.aborted) return socket.close();
        deps.onReady();
        return;
      } catch (error) {
        lastCause = error instanceof Error ? error.message : String(error);
        await pause(lastCause);
      }
    }
  }

  void stayConnected();
  return {
    client,
    baseUrl: deps.baseUrl,
    isReady: () => socket !== undefined,
    clientId: () => socket?.clientId,
    lastCause: () => lastCause,
    lastSeenAt: () => lastSeenAt,
    deliver,
    listen(promptId, listener) {
      listeners.set(promptId, listener);
      return () => void listeners.delete(promptId);
    },
    async close() {
      closing.abort();
      socket?.close();
      await client.close();
    },
  };
}

function openSocket(
  client: ComfyClient,
  { onQuiet, onHeard }: Deps,
  { deliver, lose }: { deliver: (frame: Frame | Malformed) => void; lose: (cause: string) => void },
): Promise<ComfySocket> {
  return client.connect({
    onFrame: deliver,
    onQuiet: (silentMs) => onQuiet(describeSilence(silentMs)),
    onHeard,
    onClose: (cause) => lose(describeClose(cause)),
  });
}

function choosePause(deps: Deps, lastSeenAt: number, signal: AbortSignal) {
  return deps.isAwaited === true && lastSeenAt === 0 ? createShortPause(signal) : createPause(deps, signal);
}

const AWAITED_PAUSE_MS = 10;

// Its start has a time-out elsewhere: until then a refused connection costs next to nothing.
function createShortPause(signal: AbortSignal): () => Promise<void> {
  return async () => {
    await sleep(AWAITED_PAUSE_MS, undefined, { signal }).catch(() => undefined); // closed while waiting
  };
}

// Longer after each failure. Each cause is told once, and none in the first moments of a start: a wrong URL is seen, and
// a long outage stays quiet.
function createPause({ log, baseUrl }: Deps, signal: AbortSignal): (cause: string) => Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  let told: string | undefined;
  return async (cause) => {
    if (pauseMs === LONGEST_PAUSE_MS && cause !== told && !signal.aborted) {
      told = cause;
      log.warn({ url: baseUrl, reason: cause }, 'instance cannot be reached; trying on');
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined); // closed while waiting
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  };
}

function describeClose(cause: {
  kind: string;
  code?: number;
  reason?: string;
  silentMs?: number;
  error?: Error;
}): string {
  if (cause.kind === 'remote') return `the instance closed its websocket (code ${cause.code})`;
  if (cause.kind === 'silent') return describeSilence(cause.silentMs ?? 0);
  return cause.error?.message ?? 'the websocket was closed';
}

const describeSilence = (ms: number) => `nothing was heard from the instance for ${Math.round(ms / 1000)} s`;
