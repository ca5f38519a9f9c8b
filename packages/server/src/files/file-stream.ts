// An open file as a stream for hundreds of megabytes: who can, has it fill buffers of their own, and an HTTP reply is written
// from a few buffers that are used again, so that memory stays flat and nothing is copied twice. Made by local-output.ts
// and the disk store.
import { closeSync, read } from 'node:fs';
import { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

const CHUNK_BYTES = 256 * 1024;
/** Measured: with these a reply costs half the time that one from a stream of Node's own does. */
const REPLY_BUFFERS = 3;
const REPLY_BUFFER_BYTES = 512 * 1024;

interface FileStreamOptions {
  /** The stream's own from here on: it closes it. */
  readonly fd: number;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** Throws when the file is not what it was; asked once all bytes were read. */
  readonly check?: () => void;
}

export class FileStream extends Readable {
  readonly #fd: number;
  readonly #end: number;
  readonly #check: (() => void) | undefined;
  #at: number;
  #reading: Promise<unknown> | undefined;

  constructor({ fd, start, end, check }: FileStreamOptions) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#fd = fd;
    this.#at = start;
    this.#end = end;
    this.#check = check;
  }

  /** How many bytes it put there; 0 at the end. One at a time, and not beside reading the stream. */
  async fill(into: Uint8Array): Promise<number> {
    if (this.destroyed) throw new Error('the file was closed while it was read');
    if (this.#at >= this.#end) {
      this.#check?.();
      return 0;
    }
    const reading = readAt(this.#fd, into.subarray(0, this.#end - this.#at), this.#at);
    this.#reading = reading;
    try {
      const count = await reading;
      if (count === 0) throw new Error('the file changed while it was read');
      this.#at += count;
      return count;
    } finally {
      this.#reading = undefined;
    }
  }

  get bytesLeft(): number {
    return this.#end - this.#at;
  }

  /** Has somebody else read the rest. The file stays open until that is over, whatever happens to the stream meanwhile. */
  async readBy<T>(read: (rest: { fd: number; start: number; end: number }) => Promise<T>): Promise<T> {
    if (this.destroyed) throw new Error('the file was closed while it was read');
    const reading = read({ fd: this.#fd, start: this.#at, end: this.#end });
    this.#reading = reading;
    try {
      const result = await reading;
      this.#at = this.#end;
      this.#check?.();
      return result;
    } finally {
      this.#reading = undefined;
    }
  }

  override _read(): void {
    const bytes = Buffer.allocUnsafe(CHUNK_BYTES);
    this.fill(bytes).then(
      (count) => this.push(count === 0 ? null : bytes.subarray(0, count)),
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const close = () => {
      closeSync(this.#fd);
      done(error);
    };
    if (this.#reading === undefined) close();
    else this.#reading.then(close, close); // the number must not be another file's before the read is over
  }

  override pipe<T extends NodeJS.WritableStream>(target: T, options?: { end?: boolean }): T {
    if (!(target instanceof ServerResponse)) return super.pipe(target, options);
    this.#writeTo(target).catch((error: Error) => this.destroy(error));
    return target;
  }

  async #writeTo(reply: ServerResponse): Promise<void> {
    const ring = Array.from({ length: REPLY_BUFFERS }, () => ({
      bytes: undefined as Buffer | undefined,
      written: Promise.resolve(),
    }));
    for (let turn = 0; ; turn = (turn + 1) % REPLY_BUFFERS) {
      const slot = ring[turn];
      if (slot === undefined) return;
      await slot.written;
      if (this.destroyed || reply.destroyed) return;
      slot.bytes ??= Buffer.allocUnsafeSlow(Math.min(REPLY_BUFFER_BYTES, this.#end - this.#at + 1));
      const { bytes } = slot;
      const count = await this.fill(bytes);
      if (count === 0) break;
      // Called back once the bytes are with the system, or the connection is gone: then they may be written over.
      slot.written = new Promise((resolve) => reply.write(bytes.subarray(0, count), () => resolve()));
    }
    reply.end();
    this.push(null);
    this.resume(); // whoever listens hears the end
  }
}

function readAt(fd: number, into: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, at, (error, count) => (error ? reject(error) : resolve(count)));
  });
}
