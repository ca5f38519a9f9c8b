// Bytes of unknown length → one object: a single call when they fit into a part, else a multipart upload with two parts
// in memory, one being filled while the other is sent. Called by s3.ts. The library's own uploader copies each part and
// holds more of them.
import { createHash } from 'node:crypto';
import { addAbortSignal, type Readable } from 'node:stream';
import { SNIFF_BYTES } from '../media-type.ts';
import { type PutOptions, StorageError, type Stored } from '../storage.ts';

/** The least that servers take as a part. */
export const PART_BYTES = 5 * 1024 * 1024;
/** The most that servers take in one object. */
const MAX_PARTS = 10_000;
const MAX_KEPT_BUFFERS = 4;

/** The calls that an upload is made of. */
export interface UploadCalls {
  putWhole(bytes: Buffer): Promise<void>;
  start(): Promise<string>;
  putPart(uploadId: string, number: number, bytes: Buffer): Promise<SentPart>;
  complete(uploadId: string, parts: readonly SentPart[], sizeBytes: number): Promise<void>;
  /** Never fails: what it leaves behind is swept later. */
  abort(uploadId: string): Promise<void>;
}

export interface SentPart {
  readonly number: number;
  readonly etag: string;
}

/** Sent, and to be used again. */
const kept: Buffer[] = [];

function takeBuffer(): Buffer {
  return kept.pop() ?? Buffer.allocUnsafeSlow(PART_BYTES);
}

function giveBack(buffer: Buffer): void {
  if (kept.length < MAX_KEPT_BUFFERS) kept.push(buffer);
}

export async function upload(calls: UploadCalls, source: Readable | Buffer, options: PutOptions): Promise<Stored> {
  const digest = options.sha256 === undefined ? createHash('sha256') : undefined;
  const head: Buffer[] = [];
  const parts = createParts(calls);
  let sizeBytes = 0;
  try {
    for await (const chunk of chunksOf(source, options.signal)) {
      if (sizeBytes < SNIFF_BYTES) head.push(Buffer.from(chunk.subarray(0, SNIFF_BYTES - sizeBytes)));
      sizeBytes += chunk.length;
      if (sizeBytes > options.maxBytes) throw tooLarge(options.maxBytes);
      digest?.update(chunk);
      for (let at = 0; at < chunk.length; ) at += await parts.add(chunk, at);
    }
    await parts.end(sizeBytes);
  } catch (error) {
    await parts.abort();
    throw error;
  }
  return { sizeBytes, sha256: digest?.digest('hex') ?? options.sha256 ?? '', head: Buffer.concat(head) };
}

export function tooLarge(maxBytes: number): StorageError {
  return new StorageError(`larger than ${maxBytes} bytes`, { kind: 'too_large' });
}

async function* chunksOf(source: Readable | Buffer, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(source)) {
    for (let at = 0; at < source.length; at += PART_BYTES) yield source.subarray(at, at + PART_BYTES);
    return;
  }
  if (signal) addAbortSignal(signal, source); // a source that hangs must not outlive the caller's patience
  try {
    for await (const chunk of source) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
  } catch (error) {
    if (signal?.aborted) throw new StorageError('the put was given up', { kind: 'aborted', cause: error });
    throw new StorageError('the bytes to be stored broke off', { kind: 'source', cause: error });
  }
}

function createParts(calls: UploadCalls) {
  let buffer = takeBuffer();
  let filled = 0;
  let uploadId: string | undefined;
  const sent: SentPart[] = [];
  let count = 0;
  /** The part under way; the one before it is over. */
  let sending: Promise<void> | undefined;

  async function send(id: string): Promise<void> {
    const [full, length] = [buffer, filled];
    count += 1;
    if (count > MAX_PARTS) throw tooLarge(MAX_PARTS * PART_BYTES);
    const number = count;
    await sending;
    sending = calls.putPart(id, number, full.subarray(0, length)).then((part) => {
      sent.push(part);
      giveBack(full); // not after a failure: a call that was given up may still hold it
    });
    sending.catch(() => undefined); // whoever awaits it next is told
    buffer = takeBuffer();
    filled = 0;
  }

  return {
    /** How many bytes it took. */
    async add(chunk: Buffer, at: number): Promise<number> {
      if (filled === PART_BYTES) {
        uploadId ??= await calls.start();
        await send(uploadId);
      }
      const copied = chunk.copy(buffer, filled, at);
      filled += copied;
      return copied;
    },
    async end(sizeBytes: number): Promise<void> {
      if (uploadId === undefined) await calls.putWhole(buffer.subarray(0, filled));
      else {
        await send(uploadId);
        await sending;
        await calls.complete(uploadId, sent, sizeBytes);
      }
      giveBack(buffer);
    },
    async abort(): Promise<void> {
      await sending?.catch(() => undefined); // a part that arrives after the abort would stay
      if (uploadId !== undefined) await calls.abort(uploadId);
    },
  };
}
