// Stores one output: small ones go into the finish row, larger ones stream to the storage, hashed in the same pass.
// Called by fetch-file.ts. A broken transfer is tried again; what is stored is whole or it is not there (I7).
import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalRead } from '../files/local-output.ts';
import { outputContentType } from '../files/output-content-type.ts';
import type { Storage } from '../files/storage.ts';
import { StorageError } from '../files/storage.ts';
import type { StoredFile } from '../requests/finish.sql.ts';
import { crashPoint } from '../telemetry/crash-point.ts';

export interface FileSource {
  open(
    maxBytes: number,
    /** For what takes time: aborted when that is over. */
    signal: () => AbortSignal,
  ): Promise<LocalRead | { kind: 'stream'; stream: Readable; sizeBytes: number | undefined }>;
}

export interface OutputStore {
  readonly storage: Storage;
  readonly newId: () => string;
  readonly maxFileBytes: number;
  /** For all tries of one file together. */
  readonly transferMs: number;
  /** How long a storage that is down or full is waited for; the file stays where it is meanwhile. */
  readonly patienceMs: number;
}

export type StoredContent = Pick<StoredFile, 'sizeBytes' | 'sha256' | 'contentType' | 'storageKey' | 'content'>;
export type StoreResult =
  | { kind: 'stored'; stored: StoredContent }
  | { kind: 'missing'; reason: string }
  /** `isUnfit`: the file is such that it cannot be stored at all. */
  | { kind: 'failed'; reason: string; isUnfit?: true };

/** Measured: a row up to this size costs less than a file with its flush. */
const INLINE_BYTES = 16 * 1024;
/** With growing pauses: a line that is bad for a few seconds must not cost a run whose files are there. */
const TRIES = 6;
const PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;

interface StoreInput {
  readonly source: FileSource;
  readonly filename: string;
  readonly requestId: string;
}

export async function storeOutput(store: OutputStore, input: StoreInput): Promise<StoreResult> {
  const limit = createTimeLimit(store.transferMs);
  try {
    return await tryToStore(store, input, limit);
  } finally {
    limit.end();
  }
}

type TimeLimit = ReturnType<typeof createTimeLimit>;

/** Its signal and timer are made when somebody asks for them: a file at hand is read before that. */
function createTimeLimit(ms: number) {
  const until = performance.now() + ms;
  let timer: NodeJS.Timeout | undefined;
  let controller: AbortController | undefined;
  function begin(): AbortController {
    const made = new AbortController();
    timer = setTimeout(() => made.abort(), until - performance.now());
    return made;
  }
  return {
    isOver: () => performance.now() >= until,
    signal(): AbortSignal {
      controller ??= begin();
      return controller.signal;
    },
    end: () => clearTimeout(timer),
  };
}

async function tryToStore(store: OutputStore, input: StoreInput, limit: TimeLimit): Promise<StoreResult> {
  const patientUntil = performance.now() + store.patienceMs;
  let reason = '';
  for (let tries = 1, pauseMs = PAUSE_MS; !limit.isOver(); pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    const result = await tryOnce(store, input, limit.signal);
    if (result.kind !== 'again') return result;
    reason = result.reason;
    // A storage that is away is no fault of the file's.
    if (result.isStorage ? performance.now() + pauseMs > patientUntil : tries++ === TRIES) break;
    await sleep(pauseMs);
  }
  return { kind: 'failed', reason };
}

type Again = { kind: 'again'; reason: string; isStorage: boolean };

async function tryOnce(store: OutputStore, input: StoreInput, signal: () => AbortSignal): Promise<StoreResult | Again> {
  const { filename } = input;
  try {
    const opened = await input.source.open(store.maxFileBytes, signal);
    if (opened.kind === 'missing') return { kind: 'missing', reason: `${filename} is not on the instance` };
    if (opened.kind !== 'refused') return { kind: 'stored', stored: await storeOpened(store, input, opened) };
    const reason = `${filename} could not be read: ${opened.reason.replaceAll('_', ' ')}`;
    return { kind: 'again', reason, isStorage: false };
  } catch (error) {
    const reason = `${filename}: ${error instanceof Error ? error.message : String(error)}`;
    const kind = error instanceof StorageError ? error.kind : undefined;
    if (kind === 'too_large') return { kind: 'failed', reason, isUnfit: true };
    return { kind: 'again', reason, isStorage: kind === 'unavailable' || kind === 'full' };
  }
}

type Opened = { kind: 'bytes'; bytes: Buffer } | { kind: 'stream'; stream: Readable; sizeBytes: number | undefined };

async function storeOpened(store: OutputStore, input: StoreInput, opened: Opened): Promise<StoredContent> {
  const bytes = opened.kind === 'bytes' ? opened.bytes : await readSmall(opened);
  if (bytes !== undefined && bytes.length <= INLINE_BYTES) {
    const sha256 = hash('sha256', bytes, 'hex');
    const contentType = await outputContentType(input.filename, bytes);
    return { sizeBytes: bytes.length, sha256, contentType, storageKey: undefined, content: bytes };
  }
  const storageKey = `out-${input.requestId}-${store.newId()}`;
  const source = bytes ?? (opened.kind === 'stream' ? opened.stream : opened.bytes);
  crashPoint('before-store');
  const stored = await store.storage.put(storageKey, source, { maxBytes: store.maxFileBytes });
  crashPoint('after-store');
  const contentType = await outputContentType(input.filename, stored.head);
  return { sizeBytes: stored.sizeBytes, sha256: stored.sha256, contentType, storageKey, content: undefined };
}

async function readSmall(opened: Extract<Opened, { kind: 'stream' }>): Promise<Buffer | undefined> {
  if (opened.sizeBytes === undefined || opened.sizeBytes > INLINE_BYTES) return undefined;
  const bytes = await gather(opened.stream);
  if (bytes.length !== opened.sizeBytes) throw new Error(`${bytes.length} bytes came instead of ${opened.sizeBytes}`);
  return bytes;
}

/** By its events: an iterator over a stream costs a small file more than its bytes. */
function gather(stream: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('the transfer ended early')));
  });
}
