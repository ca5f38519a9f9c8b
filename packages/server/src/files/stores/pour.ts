// Bytes of any length → an open file: read, hashed and written at the same time through a few buffers that are used again,
// and flushed as they come, so that the disk does not begin when everything else is over. Called by disk.ts.
import { hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { FileStream } from '../file-stream.ts';
import { createThreadHash, type ThreadHash } from '../hash-thread.ts';
import { SNIFF_BYTES } from '../media-type.ts';
import { type PutOptions, StorageError, type Stored } from '../storage.ts';
import { areThreadsFree, CopyFailed, copyInThreads, THREADS_FROM_BYTES } from './copy-threads.ts';

const BUFFERS = 3;
const BUFFER_BYTES = 512 * 1024;
const MAX_KEPT_RINGS = 4;
const FLUSH_BYTES = 32 * 1024 * 1024;

interface Slot {
  readonly bytes: Buffer;
  /** Written and hashed. */
  done: Promise<unknown>;
}

/** Puts bytes into a buffer until it is full or the source has ended; how many. */
type Fill = (into: Buffer) => Promise<number>;

const rings: Slot[][] = [];

function makeRing(): Slot[] {
  return Array.from({ length: BUFFERS }, () => ({
    bytes: Buffer.from(new SharedArrayBuffer(BUFFER_BYTES)),
    done: Promise.resolve(),
  }));
}

export async function pour(file: FileHandle, source: Readable | Buffer, options: PutOptions): Promise<Stored> {
  if (source instanceof FileStream && suitsThreads(source, options)) return await pourInThreads(file, source, options);
  const ring = rings.pop() ?? makeRing();
  try {
    return await pourThrough(ring, file, { fill: fillFrom(source, options.signal), options });
  } finally {
    await Promise.allSettled(ring.map(({ done }) => done)); // the buffers and the file are in use until then
    for (const slot of ring) slot.done = Promise.resolve();
    if (rings.length < MAX_KEPT_RINGS) rings.push(ring);
  }
}

function suitsThreads({ bytesLeft }: FileStream, { sha256, maxBytes }: PutOptions): boolean {
  return bytesLeft >= THREADS_FROM_BYTES && bytesLeft <= maxBytes && sha256 === undefined && areThreadsFree();
}

async function pourInThreads(file: FileHandle, source: FileStream, { signal }: PutOptions): Promise<Stored> {
  const sizeBytes = source.bytesLeft;
  const flush = createFlush(file);
  const copied = await source
    .readBy(({ fd, start, end }) =>
      copyInThreads({ source: fd, target: file.fd, start, end, signal, onWrote: flush.wrote }),
    )
    .catch(async (error: unknown) => {
      await flush.settled();
      const isTargets = error instanceof CopyFailed && !error.isSource;
      throw isTargets && signal?.aborted !== true ? error : sourceError(error, signal);
    });
  await flush.end();
  source.destroy(); // nobody reads it to its end otherwise
  return { sizeBytes, ...copied };
}

async function pourThrough(
  ring: readonly Slot[],
  file: FileHandle,
  { fill, options }: { fill: Fill; options: PutOptions },
): Promise<Stored> {
  let digest: ThreadHash | undefined;
  let sha256 = options.sha256;
  let head = Buffer.alloc(0);
  let sizeBytes = 0;
  const flush = createFlush(file);
  try {
    for (let turn = 0; ; turn = (turn + 1) % BUFFERS) {
      const slot = ring[turn] as Slot;
      await slot.done;
      const count = await fill(slot.bytes);
      if (count === 0) break;
      const bytes = slot.bytes.subarray(0, count);
      if (sizeBytes === 0) {
        head = Buffer.from(bytes.subarray(0, SNIFF_BYTES));
        // What fits into a buffer is not worth the way to the other thread.
        if (count < BUFFER_BYTES) sha256 ??= hash('sha256', bytes, 'hex');
      }
      const at = sizeBytes;
      sizeBytes += count;
      if (sizeBytes > options.maxBytes) throw tooLarge(options);
      if (sha256 === undefined) digest ??= createThreadHash();
      slot.done = Promise.all([writeAll(file, bytes, at).then(() => flush.wrote(count)), digest?.update(bytes)]);
      slot.done.catch(() => undefined); // whoever awaits it next is told
    }
    for (const { done } of ring) await done;
    await flush.end();
    return { sizeBytes, sha256: (await digest?.digest()) ?? sha256 ?? hash('sha256', head, 'hex'), head };
  } catch (error) {
    digest?.drop();
    await flush.settled();
    throw error;
  }
}

export function tooLarge({ maxBytes }: PutOptions): StorageError {
  return new StorageError(`larger than ${maxBytes} bytes`, { kind: 'too_large' });
}

// A write may take a part only; a full disk then shows at the next one.
async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}

/** One file at a time is flushed early: a flush keeps one of the few threads that read and write. */
let isFlushing = false;

function createFlush(file: FileHandle) {
  let unflushed = 0;
  let running: Promise<void> = Promise.resolve();
  return {
    wrote(count: number) {
      unflushed += count;
      if (unflushed < FLUSH_BYTES || isFlushing) return;
      unflushed = 0;
      isFlushing = true;
      running = file.datasync().finally(() => {
        isFlushing = false;
      });
      running.catch(() => undefined); // the flush at the end tells
    },
    async end() {
      await running;
      await file.datasync();
    },
    settled: () => running.catch(() => undefined),
  };
}

function fillFrom(source: Readable | Buffer, signal: AbortSignal | undefined): Fill {
  if (Buffer.isBuffer(source)) return fillFromBuffer(source);
  if (signal) addAbortSignal(signal, source); // a source that hangs must not outlive the caller's patience
  const fill = source instanceof FileStream ? fillFromFile(source) : fillFromChunks(source);
  return async (into) => {
    try {
      return await fill(into);
    } catch (error) {
      throw sourceError(error, signal);
    }
  };
}

function sourceError(cause: unknown, signal: AbortSignal | undefined): StorageError {
  if (signal?.aborted) return new StorageError('the put was given up', { kind: 'aborted', cause });
  return new StorageError('the bytes to be stored broke off', { kind: 'source', cause });
}

function fillFromBuffer(source: Buffer): Fill {
  let at = 0;
  return async (into) => {
    const count = source.copy(into, 0, at);
    at += count;
    return count;
  };
}

function fillFromFile(source: FileStream): Fill {
  return async (into) => {
    let filled = 0;
    while (filled < into.length) {
      const count = await source.fill(into.subarray(filled));
      if (count === 0) break;
      filled += count;
    }
    if (filled === 0) source.destroy(); // nobody reads it to its end otherwise
    return filled;
  };
}

function fillFromChunks(source: Readable): Fill {
  const chunks = source[Symbol.asyncIterator]();
  let chunk: Buffer = Buffer.alloc(0);
  return async (into) => {
    let filled = 0;
    while (filled < into.length) {
      if (chunk.length === 0) {
        const next = await chunks.next();
        if (next.done === true) break;
        chunk = Buffer.isBuffer(next.value) ? next.value : Buffer.from(next.value);
      }
      const count = chunk.copy(into, filled);
      filled += count;
      chunk = chunk.subarray(count);
    }
    return filled;
  };
}
