// A large file of this machine → an open file: one thread reads and writes, another hashes what was written, over a few
// buffers that both see. Called by pour.ts. Measured: a fifth less CPU than when each buffer passes the main thread, which is
// left to the calls of everybody else. Starts with the first large file.
import { Worker } from 'node:worker_threads';
import { SNIFF_BYTES } from '../media-type.ts';

const SLOTS = 4;
const SLOT_BYTES = 512 * 1024;
/** Told as often, so that the caller can have it flushed meanwhile. */
const NOTE_BYTES = 8 * 1024 * 1024;
/** Below this, waking the threads costs more than they save. */
export const THREADS_FROM_BYTES = 8 * 1024 * 1024;

/** Plain JavaScript, so that it runs from the sources as from a bundle without a file of its own. */
const CODE = `
const { parentPort, workerData: { role, ring, shared, SLOTS, SLOT_BYTES, NOTE_BYTES, HEAD_BYTES } } = require('node:worker_threads');
const { createHash } = require('node:crypto');
const { readSync, writeSync } = require('node:fs');
const bytes = Buffer.from(ring);
const state = new Int32Array(shared);
const [FILLED, HASHED, STOPPED, SIZES] = [0, 1, 2, 3];

function waitUntil(index, isEnough) {
  for (;;) {
    if (Atomics.load(state, STOPPED) === 1) throw new Error('stopped');
    const seen = Atomics.load(state, index);
    if (isEnough(seen)) return;
    Atomics.wait(state, index, seen, 1000);
  }
}

function raise(index, value) {
  Atomics.store(state, index, value);
  Atomics.notify(state, index);
}

function fill(source, offset, at, wanted) {
  let count = 0;
  while (count < wanted) {
    const more = readSync(source, bytes, offset + count, wanted - count, at + count);
    if (more === 0) throw new Error('the file changed while it was read');
    count += more;
  }
}

let step = '';
function copy({ source, start, end, target }) {
  step = '';
  let noted = 0;
  for (let turn = 0, done = 0; ; turn += 1) {
    waitUntil(HASHED, (hashed) => turn - hashed < SLOTS);
    const slot = turn % SLOTS;
    const offset = slot * SLOT_BYTES;
    const count = Math.min(SLOT_BYTES, end - start - done);
    step = 'read';
    fill(source, offset, start + done, count);
    state[SIZES + slot] = count;
    raise(FILLED, turn + 1);
    if (count === 0) return '';
    if (done === 0) parentPort.postMessage({ head: new Uint8Array(bytes.subarray(offset, offset + Math.min(count, HEAD_BYTES))) });
    step = 'write';
    for (let written = 0; written < count; ) {
      written += writeSync(target, bytes, offset + written, count - written, done + written);
    }
    done += count;
    if (done - noted < NOTE_BYTES) continue;
    parentPort.postMessage({ wrote: done - noted });
    noted = done;
  }
}

function digest() {
  const running = createHash('sha256');
  for (let turn = 0; ; turn += 1) {
    waitUntil(FILLED, (filled) => filled > turn);
    const count = state[SIZES + (turn % SLOTS)];
    if (count === 0) return running.digest('hex');
    const offset = (turn % SLOTS) * SLOT_BYTES;
    running.update(bytes.subarray(offset, offset + count));
    raise(HASHED, turn + 1);
  }
}

parentPort.on('message', (job) => {
  try {
    parentPort.postMessage({ result: role === 'copy' ? copy(job) : digest() });
  } catch (error) {
    parentPort.postMessage({ failure: { message: error.message, code: error.code, step } });
  }
});`;

/** Their heaps hold nothing but small messages. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };
const STOPPED = 2;
const STATE_WORDS = 3 + SLOTS;

interface Failure {
  readonly message: string;
  readonly code?: string;
  readonly step: string;
}

type Message = { head: Uint8Array } | { wrote: number } | { result: string } | { failure: Failure };

/** What became of a copy that failed: which side of it, and the system's code. */
export class CopyFailed extends Error {
  readonly isSource: boolean;
  readonly code: string | undefined;

  constructor({ message, code, step }: Failure, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CopyFailed';
    this.isSource = step === 'read';
    this.code = code;
  }
}

interface Listener {
  onNote(note: { head: Uint8Array } | { wrote: number }): void;
  resolve(result: string): void;
  reject(error: Error): void;
}

/** One job at a time. */
class Thread {
  readonly #worker: Worker;
  #listener: Listener | undefined;

  constructor(worker: Worker, onEnd: () => void) {
    this.#worker = worker;
    worker.unref();
    worker.on('message', (message: Message) => this.#hear(message));
    const fail = ({ message }: Error) => {
      onEnd();
      this.#settle()?.reject(new CopyFailed({ message, step: '' }));
    };
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('a thread that copies files ended')));
  }

  run(job: object, onNote: Listener['onNote'] = () => undefined): Promise<string> {
    this.#worker.ref(); // until it has answered
    return new Promise((resolve, reject) => {
      this.#listener = { onNote, resolve, reject };
      this.#worker.postMessage(job);
    });
  }

  terminate(): void {
    void this.#worker.terminate();
  }

  #hear(message: Message): void {
    if ('result' in message) this.#settle()?.resolve(message.result);
    else if ('failure' in message) this.#settle()?.reject(new CopyFailed(message.failure));
    else this.#listener?.onNote(message);
  }

  #settle(): Listener | undefined {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#worker.unref();
    return listener;
  }
}

interface Pair {
  readonly copier: Thread;
  readonly hasher: Thread;
  readonly state: Int32Array;
}

let pair: Pair | undefined;
let isBusy = false;

function startPair(): Pair {
  const workers: Worker[] = [];
  try {
    const ring = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
    const shared = new SharedArrayBuffer(STATE_WORDS * Int32Array.BYTES_PER_ELEMENT);
    const start = (role: 'copy' | 'hash') => {
      const workerData = { role, ring, shared, SLOTS, SLOT_BYTES, NOTE_BYTES, HEAD_BYTES: SNIFF_BYTES };
      const worker = new Worker(CODE, { eval: true, workerData, resourceLimits: LIMITS });
      workers.push(worker);
      return worker;
    };
    return pairOf(start('copy'), start('hash'), new Int32Array(shared));
  } catch (error) {
    for (const worker of workers) void worker.terminate();
    throw new CopyFailed({ message: 'no threads could be started', step: '' }, { cause: error });
  }
}

function pairOf(copying: Worker, hashing: Worker, state: Int32Array): Pair {
  const onEnd = () => end(made);
  const made: Pair = { copier: new Thread(copying, onEnd), hasher: new Thread(hashing, onEnd), state };
  return made;
}

/** One without the other is of no use: the next file begins two others. */
function end(ended: Pair): void {
  if (pair !== ended) return;
  pair = undefined;
  stop(ended.state);
  ended.copier.terminate();
  ended.hasher.terminate();
}

/** Both come to their end soon: they look between two buffers. */
function stop(state: Int32Array): void {
  Atomics.store(state, STOPPED, 1);
  for (let index = 0; index < STOPPED; index += 1) Atomics.notify(state, index);
}

export interface CopyJob {
  /** Open files' numbers, which stay open until this settles. */
  readonly source: number;
  readonly target: number;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly signal: AbortSignal | undefined;
  readonly onWrote: (bytes: number) => void;
}

export interface Copied {
  readonly sha256: string;
  readonly head: Buffer;
}

/** Not while another file is copied: several large ones would wait for the largest. */
export function areThreadsFree(): boolean {
  return !isBusy;
}

/** Throws CopyFailed. Once it settles both threads have let go of the files. */
export async function copyInThreads(job: CopyJob): Promise<Copied> {
  if (isBusy) throw new Error('the threads copy another file');
  isBusy = true;
  try {
    pair ??= startPair();
    return await copyUnlessGivenUp(pair, job);
  } finally {
    isBusy = false;
  }
}

async function copyUnlessGivenUp(threads: Pair, job: CopyJob): Promise<Copied> {
  const { state } = threads;
  state.fill(0);
  const giveUp = () => stop(state);
  job.signal?.addEventListener('abort', giveUp);
  try {
    if (job.signal?.aborted) giveUp();
    return await copy(threads, job);
  } finally {
    job.signal?.removeEventListener('abort', giveUp);
  }
}

async function copy({ copier, hasher, state }: Pair, { onWrote, ...job }: CopyJob): Promise<Copied> {
  const { source, start, end, target } = job;
  let head = Buffer.alloc(0);
  const copying = copier.run({ source, start, end, target }, (told) => {
    if ('wrote' in told) onWrote(told.wrote);
    else head = Buffer.from(told.head);
  });
  const hashing = hasher.run({});
  const failures: unknown[] = [];
  for (const each of [copying, hashing]) {
    each.catch((error) => {
      failures.push(error);
      stop(state); // the other one must not wait for it
    });
  }
  await Promise.allSettled([copying, hashing]);
  if (failures.length > 0) throw failures[0];
  return { sha256: await hashing, head };
}
