// Where the bytes of inputs and outputs live. Keys are ours and mean nothing; names, types and owners are rows in the
// database, and nobody opens a key whose row is not there. stores/ implements this; testing/test-store.ts is its law.
import type { Readable } from 'node:stream';

export interface PutOptions {
  maxBytes: number;
  signal?: AbortSignal;
  sha256?: string; // of bytes that were hashed before
}

export interface Stored {
  sizeBytes: number;
  sha256: string;
  head: Buffer; // the first bytes, for sniffing the type without opening the file again
}

export interface ByteRange {
  start: number;
  end: number; // inclusive
}

export interface Opened {
  stream: Readable;
  sizeBytes: number; // of the whole blob, whatever the range
}

export interface Listed {
  key: string;
  sizeBytes: number;
  modifiedAtMs: number;
}

/** What a reader is told by whoever hands out the bytes. */
export interface SignedAs {
  readonly contentType: string;
  readonly contentDisposition: string;
  readonly forSeconds: number;
}

export interface Storage {
  /** Whether a put shows whole or not at all; else a crash half-way may leave a part of the bytes under the key. */
  readonly isAtomic: boolean;
  put(key: string, source: Readable | Buffer, options: PutOptions): Promise<Stored>; // durable when it resolves
  open(key: string, range?: ByteRange): Promise<Opened | undefined>;
  move(from: string, to: string): Promise<void>; // durable names for bytes whose hash was not known beforehand
  remove(key: string): Promise<void>; // quiet when there is nothing
  removeAll(keys: readonly string[]): Promise<void>; // the same for many
  removeUnfinished(olderThanMs: number): Promise<number>; // what puts that were cut off left behind
  has(key: string): Promise<boolean>;
  list(prefix: string): AsyncIterable<Listed>; // for the sweeps that remove what no row names
  touch?(key: string): Promise<void>; // it was used now; without this, uses count from the last put
  sign?(key: string, as: SignedAs): Promise<string>; // a URL by which anybody reads the bytes for a while
  close(): void;
}

// full: no room left, refuse new work. unavailable: the store is down, try again. source: what was to be stored broke.
export type StorageErrorKind = 'full' | 'too_large' | 'unavailable' | 'aborted' | 'source';

export class StorageError extends Error {
  readonly kind: StorageErrorKind;

  constructor(message: string, { kind, cause }: { kind: StorageErrorKind; cause?: unknown }) {
    super(message, { cause });
    this.name = 'StorageError';
    this.kind = kind;
  }
}

// Bytes worth a plain synchronous read or write: four thread-pool hops cost more than the disk.
export const SMALL_BYTES = 64 * 1024;

// Keys never come from callers; this is the last fence, not the first.
export function requireKey(key: string): string {
  if (!/^[a-z0-9][a-z0-9_-]{0,127}$/.test(key)) throw new Error('not a storage key');
  return key;
}
