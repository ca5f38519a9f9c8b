// Runs one request on an undici dispatcher and gathers its answer up to a cap. A handler of our own instead of
// `pool.request`: it costs no stream per call, and it knows whether the request was ever written to a socket.
import type { Dispatcher } from 'undici';
import { ComfyError, toComfyError } from './comfy-error.ts';

export interface HttpReply {
  status: number;
  body: Buffer;
  /** The answer was longer than its cap; `body` holds its beginning. */
  isCut: boolean;
}

export interface ReceiveLimits {
  what: string;
  maxBytes: number;
  totalMs: number;
  signal: AbortSignal | undefined;
  /** Asked when the request is about to be written, which may be long after the call; false: nothing is written. */
  mayBegin?: (() => boolean) | undefined;
}

export function receive(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  limits: ReceiveLimits,
): Promise<HttpReply> {
  if (limits.signal?.aborted) {
    const error = new ComfyError('aborted', `${limits.what}: aborted before it was sent`, { mayHaveArrived: false });
    return Promise.reject(error);
  }
  return new Promise((resolve, reject) => {
    const gathering = new Gathering(limits, resolve, reject);
    try {
      dispatcher.dispatch(options, gathering);
    } catch (error) {
      gathering.fail(error);
    }
  });
}

// States: waiting for a connection → written (onRequestStart) → answering → settled, once.
class Gathering implements Dispatcher.DispatchHandler {
  readonly #limits: ReceiveLimits;
  readonly #resolve: (reply: HttpReply) => void;
  readonly #reject: (error: ComfyError) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort = () => this.fail(new ComfyError('aborted', `${this.#limits.what}: aborted`, this.#arrival()));
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isSettled = false;

  constructor(limits: ReceiveLimits, resolve: (reply: HttpReply) => void, reject: (error: ComfyError) => void) {
    this.#limits = limits;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => {
      this.fail(new ComfyError('timeout', `${limits.what}: no whole answer in ${limits.totalMs} ms`, this.#arrival()));
    }, limits.totalMs);
    limits.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A call that gave up while it waited for a connection must not be written any more.
    if (this.#isSettled) controller.abort(new Error('given up before it was sent'));
    else if (this.#limits.mayBegin?.() === false) this.#holdBack(controller);
    else this.#controller = controller;
  }

  #holdBack(controller: Dispatcher.DispatchController): void {
    this.fail(new ComfyError('aborted', `${this.#limits.what}: held back`, { mayHaveArrived: false }));
    controller.abort(new Error('held back'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limits.maxBytes) this.#finish(true);
  }

  onResponseEnd(): void {
    this.#finish(false);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  fail(error: unknown): void {
    if (!this.#settle()) return;
    this.#reject(toComfyError(error, this.#limits.what, this.#controller !== undefined));
    this.#controller?.abort(new Error('settled'));
  }

  #finish(isCut: boolean): void {
    if (!this.#settle()) return;
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, body: isCut ? body.subarray(0, this.#limits.maxBytes) : body, isCut });
    if (isCut) this.#controller?.abort(new Error('the answer is too large'));
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#limits.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }

  #arrival(): { mayHaveArrived: boolean } {
    return { mayHaveArrived: this.#controller !== undefined };
  }
}
