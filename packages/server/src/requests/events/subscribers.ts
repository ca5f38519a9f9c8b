// The open streams: what is written to each, within bounds, and the one timer of them all. Used by hub.ts.
// Thousands are idle at any time, so a stream costs one record and shares every function.
import type { ServerResponse } from 'node:http';
import type { ViewContext } from '../view.pure.ts';

export interface Subscriber {
  readonly response: ServerResponse;
  /** Shared by all who called in the same way. */
  readonly context: ViewContext;
  /** At which tick of a round it gets its heartbeat. */
  readonly slot: number;
  /** Since when it takes nothing; 0 while it does. */
  blockedSince: number;
  /** Progress or a preview was left out meanwhile. */
  hasMissed: boolean;
}

interface Deps {
  readonly tickMs: number;
  onTick(): void;
  /** It takes again, and has missed something. */
  onCaughtUp(subscriber: Subscriber): void;
  onClosed(subscriber: Subscriber): void;
}

/** A heartbeat each 15 ticks, spread over them. */
const ROUND_TICKS = 15;
const STALL_TICKS = 60;
/** More than the largest preview. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
/** A reader that went away is told of by `close`. */
const ignore = () => undefined;
const HEARTBEAT = Buffer.from(':\n\n');

export class Subscribers {
  readonly #deps: Deps;
  readonly #byResponse = new Map<ServerResponse, Subscriber>();
  readonly #onClose: (this: ServerResponse) => void;
  readonly #onDrain: (this: ServerResponse) => void;
  #timer: NodeJS.Timeout | undefined;
  #tick = 0;

  constructor(deps: Deps) {
    const closed = (response: ServerResponse) => this.#close(response);
    const drained = (response: ServerResponse) => this.#drain(response);
    this.#deps = deps;
    this.#onClose = function onClose() {
      closed(this);
    };
    this.#onDrain = function onDrain() {
      drained(this);
    };
  }

  get size(): number {
    return this.#byResponse.size;
  }

  add(response: ServerResponse, context: ViewContext): Subscriber {
    this.#timer ??= setInterval(() => this.#beat(), this.#deps.tickMs).unref();
    const slot = this.#byResponse.size % ROUND_TICKS;
    const subscriber: Subscriber = { response, context, slot, blockedSince: 0, hasMissed: false };
    this.#byResponse.set(response, subscriber);
    response.on('close', this.#onClose).on('error', ignore);
    return subscriber;
  }

  /** What must arrive. A reader with too much unread is cut off, and resumes. */
  send(subscriber: Subscriber, bytes: Buffer | string): void {
    const { response } = subscriber;
    if (response.writableEnded || response.destroyed) return;
    if (response.writableLength > MAX_UNREAD_BYTES) {
      response.destroy();
      return;
    }
    if (response.write(bytes) || subscriber.blockedSince > 0) return;
    subscriber.blockedSince = performance.now();
    response.once('drain', this.#onDrain);
  }

  /** What only counts while it is new: left out for a reader that has not taken the last yet. */
  offer(subscriber: Subscriber, bytes: Buffer): void {
    if (subscriber.blockedSince > 0) subscriber.hasMissed = true;
    else this.send(subscriber, bytes);
  }

  end(subscriber: Subscriber, bytes?: Buffer | string): void {
    const { response } = subscriber;
    if (bytes !== undefined) this.send(subscriber, bytes);
    response.end();
    // From here nothing tells when it takes again: it has its time to take the rest.
    subscriber.blockedSince = performance.now();
  }

  all(): IterableIterator<Subscriber> {
    return this.#byResponse.values();
  }

  /** Ends every stream, so that its reader connects again. */
  stop(): void {
    for (const subscriber of this.#byResponse.values()) this.end(subscriber);
    this.#stopTimer();
  }

  #beat(): void {
    this.#tick += 1;
    const slot = this.#tick % ROUND_TICKS;
    const stalledBefore = performance.now() - STALL_TICKS * this.#deps.tickMs;
    for (const subscriber of this.#byResponse.values()) {
      if (subscriber.blockedSince > 0) {
        if (subscriber.blockedSince < stalledBefore) subscriber.response.destroy();
      } else if (subscriber.slot === slot) this.send(subscriber, HEARTBEAT);
    }
    this.#deps.onTick();
  }

  #close(response: ServerResponse): void {
    const subscriber = this.#byResponse.get(response);
    if (subscriber === undefined) return;
    this.#byResponse.delete(response);
    if (this.#byResponse.size === 0) this.#stopTimer();
    this.#deps.onClosed(subscriber);
  }

  #drain(response: ServerResponse): void {
    const subscriber = this.#byResponse.get(response);
    if (subscriber === undefined || response.writableEnded) return;
    subscriber.blockedSince = 0;
    if (!subscriber.hasMissed) return;
    subscriber.hasMissed = false;
    this.#deps.onCaughtUp(subscriber);
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
