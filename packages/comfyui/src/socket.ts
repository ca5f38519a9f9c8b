// One websocket to a ComfyUI. After a loss nothing is replayed and nobody here reconnects; the owner then
//   1. connects again: each connection has a fresh client id, because ComfyUI's clean-up of a dead socket takes the
//      routing of a new one with the same id away (it stays open and deaf);
//   2. asks `history(promptId)` and then `queue()` for every prompt in flight: their events keep going to the old
//      client id and are gone. Found in history: over. In the queue: keep polling. In neither: lost.
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { ComfyError, toComfyError } from './comfy-error.ts';
import { createFlowLimit, type FlowLimit, type FlowRate } from './flow-limit.ts';
import { decodeBinaryFrame, decodeTextFrame, type Frame, type Malformed } from './frames.ts';

export interface SocketHandlers {
  onFrame(frame: Frame | Malformed): void;
  /** It has left so many pings unanswered that it may stand still; `onHeard` says that it has not. The socket stays open. */
  onQuiet?(silentMs: number): void;
  onHeard?(): void;
  /** Once, whoever closed it; never when `connect` failed. */
  onClose(cause: CloseCause): void;
}

export type CloseCause =
  | { kind: 'local' }
  | { kind: 'remote'; code: number; reason: string }
  | { kind: 'silent'; silentMs: number }
  | { kind: 'failed'; error: ComfyError };

export interface ComfySocket {
  readonly clientId: string;
  close(): void;
}

export interface SocketOptions extends FlowRate {
  url: string;
  clientIdPrefix: string;
  headers: Record<string, string>;
  /** Closes the socket, or stops its opening. */
  signal: AbortSignal;
  /** From the call to ComfyUI's first message. */
  connectMs: number;
  pingEveryMs: number;
  /** Pings without any sign of life before the owner is told. */
  quietPings: number;
  /** Pings without any sign of life before the connection counts as dead. A loading model can hold python for long. */
  maxSilentPings: number;
}

const MAX_FRAME_BYTES = 64 * 1024 * 1024;

export const DEFAULT_SOCKET_OPTIONS = {
  connectMs: 10_000,
  pingEveryMs: 2_000,
  quietPings: 3,
  maxSilentPings: 15,
  bytesPerSecond: 16 * 1024 * 1024,
  burstBytes: 2 * MAX_FRAME_BYTES,
};

/** Settles with ComfyUI's first message: only then does it surely know this client id. */
export function connectSocket(options: SocketOptions, handlers: SocketHandlers): Promise<ComfySocket> {
  const clientId = `${options.clientIdPrefix}${randomUUID()}`;
  const wsOptions = {
    headers: options.headers,
    perMessageDeflate: false,
    followRedirects: false,
    handshakeTimeout: options.connectMs,
    maxPayload: MAX_FRAME_BYTES,
    closeTimeout: 1_000,
    // Bad UTF-8 in one message must not end the connection: the decoder replaces it.
    skipUTF8Validation: true,
  };
  const ws = new WebSocket(`${options.url}?clientId=${encodeURIComponent(clientId)}`, wsOptions);
  return new Promise((resolve, reject) => {
    const connection = new Connection(ws, options, handlers);
    // A door in front that drops the query makes ComfyUI choose an id itself: its word counts.
    connection.start((sid) => resolve({ clientId: sid || clientId, close: connection.close }), reject);
  });
}

// States: opening → open (first message heard) → ended, once. From opening it ends by rejecting, else by onClose.
class Connection {
  readonly #ws: WebSocket;
  readonly #options: SocketOptions;
  readonly #handlers: SocketHandlers;
  #state: 'opening' | 'open' | 'ended' = 'opening';
  #silentPings = 0;
  #isQuiet = false;
  #openTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  #resumeTimer: NodeJS.Timeout | undefined;
  readonly #flow: FlowLimit;
  #onOpen: (sid: string | undefined) => void = () => {};
  #onFailure: (error: ComfyError) => void = () => {};

  constructor(ws: WebSocket, options: SocketOptions, handlers: SocketHandlers) {
    this.#ws = ws;
    this.#options = options;
    this.#handlers = handlers;
    this.#flow = createFlowLimit(options, () => performance.now());
  }

  start(onOpen: (sid: string | undefined) => void, onFailure: (error: ComfyError) => void): void {
    this.#onOpen = onOpen;
    this.#onFailure = onFailure;
    this.#openTimer = setTimeout(() => {
      this.#end({ kind: 'failed', error: new ComfyError('timeout', 'websocket: no first message in time') });
    }, this.#options.connectMs);
    if (this.#options.signal.aborted) queueMicrotask(this.close);
    else this.#options.signal.addEventListener('abort', this.close, { once: true });
    this.#ws.on('open', () => this.#greet());
    this.#ws.on('message', (data, isBinary) => this.#hear(toBuffer(data), isBinary));
    this.#ws.on('pong', () => this.#noteLife());
    this.#ws.on('ping', () => this.#noteLife());
    this.#ws.on('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      const error = new ComfyError('status', `websocket: status ${status} instead of an upgrade`, { status });
      this.#end({ kind: 'failed', error });
    });
    this.#ws.on('error', (error) => this.#end({ kind: 'failed', error: toSocketError(error) }));
    this.#ws.on('close', (code, reason) => this.#end({ kind: 'remote', code, reason: reason.toString('utf8') }));
  }

  readonly close = (): void => this.#end({ kind: 'local' });

  #greet(): void {
    // ComfyUI reads feature flags from the first message only; they bring previews that say whose they are.
    this.#ws.send('{"type": "feature_flags", "data": {"supports_preview_metadata": true}}');
    this.#pingTimer = setInterval(() => this.#ping(), this.#options.pingEveryMs);
  }

  /** Counts ticks, not time: a gateway that was itself paused must not take its own silence for ComfyUI's. */
  #ping(): void {
    if (this.#silentPings >= this.#options.maxSilentPings) {
      this.#end({ kind: 'silent', silentMs: this.#silentPings * this.#options.pingEveryMs });
      return;
    }
    if (this.#silentPings >= this.#options.quietPings) this.#becomeQuiet();
    this.#silentPings++;
    this.#ws.ping();
  }

  #becomeQuiet(): void {
    if (this.#isQuiet || this.#state !== 'open') return;
    this.#isQuiet = true;
    this.#handlers.onQuiet?.(this.#silentPings * this.#options.pingEveryMs);
  }

  #noteLife(): void {
    this.#silentPings = 0;
    if (!this.#isQuiet || this.#state === 'ended') return;
    this.#isQuiet = false;
    this.#handlers.onHeard?.();
  }

  #hear(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'ended') return;
    this.#noteLife();
    const pauseMs = this.#flow.take(data.length);
    if (pauseMs > 0) this.#pause(pauseMs);
    const frame = isBinary ? decodeBinaryFrame(data) : decodeTextFrame(data);
    if (this.#state === 'opening') {
      this.#state = 'open';
      clearTimeout(this.#openTimer);
      this.#onOpen(frame.type === 'status' ? frame.sid : undefined);
    }
    this.#handlers.onFrame(frame);
  }

  /** What was read already still comes. */
  #pause(ms: number): void {
    clearTimeout(this.#resumeTimer);
    this.#ws.pause();
    this.#resumeTimer = setTimeout(() => this.#ws.resume(), ms);
  }

  #end(cause: CloseCause): void {
    const was = this.#state;
    if (was === 'ended') return;
    this.#state = 'ended';
    clearTimeout(this.#openTimer);
    clearInterval(this.#pingTimer);
    clearTimeout(this.#resumeTimer);
    this.#options.signal.removeEventListener('abort', this.close);
    // ComfyUI forgets the client id when it sees the end: a clean close tells it sooner, terminate makes it sure.
    if (cause.kind === 'local' && this.#ws.readyState === WebSocket.OPEN) this.#ws.close();
    else this.#ws.terminate();
    if (was === 'open') this.#handlers.onClose(cause);
    else this.#onFailure(toFailure(cause));
  }
}

function toFailure(cause: CloseCause): ComfyError {
  if (cause.kind === 'failed') return cause.error;
  if (cause.kind === 'local') return new ComfyError('closed', 'websocket: the client was closed');
  return new ComfyError('reset', `websocket: ended (${cause.kind}) before ComfyUI said anything`);
}

function toSocketError(error: Error): ComfyError {
  const isTooLarge = 'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
  if (isTooLarge) return new ComfyError('too_large', 'websocket: a message exceeds its cap', { cause: error });
  if (error.message === 'Opening handshake has timed out') {
    return new ComfyError('timeout', 'websocket: no answer to the upgrade in time', { cause: error });
  }
  return toComfyError(error, 'websocket');
}

function toBuffer(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
