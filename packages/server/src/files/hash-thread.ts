// SHA-256 of large files on a thread of its own: a gigabyte costs the best part of a second, which the calls of everybody
// else would wait for. Used by the disk store. Starts with the first large file.
import { Worker } from 'node:worker_threads';

/** Plain JavaScript, so that it runs from the sources as from a bundle without a file of its own. */
const CODE = `
const { parentPort } = require('node:worker_threads');
const { createHash } = require('node:crypto');
const running = new Map();
parentPort.on('message', ({ id, bytes, end }) => {
  if (end === undefined) {
    if (!running.has(id)) running.set(id, createHash('sha256'));
    running.get(id).update(bytes);
    return parentPort.postMessage('');
  }
  const digest = running.get(id);
  running.delete(id);
  parentPort.postMessage(end === 'digest' ? digest.digest('hex') : '');
});`;

/** Its heap holds nothing but small messages. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

interface Waiting {
  resolve(answer: string): void;
  reject(error: Error): void;
}

let thread: { worker: Worker; waiting: Waiting[] } | undefined;
let lastId = 0;

function start() {
  const worker = new Worker(CODE, { eval: true, resourceLimits: LIMITS });
  const started = { worker, waiting: [] as Waiting[] };
  const fail = (error: Error) => {
    if (thread === started) thread = undefined; // the next file begins another
    for (const each of started.waiting.splice(0)) each.reject(error);
  };
  worker.on('message', (answer: string) => {
    started.waiting.shift()?.resolve(answer);
    if (started.waiting.length === 0) worker.unref();
  });
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('the thread that hashes files ended')));
  return started;
}

/** Answers come in the order of the questions. */
function ask(message: { id: number; bytes?: Uint8Array; end?: 'digest' | 'drop' }): Promise<string> {
  thread ??= start();
  const { worker, waiting } = thread;
  return new Promise((resolve, reject) => {
    worker.ref(); // until it has answered
    waiting.push({ resolve, reject });
    worker.postMessage(message);
  });
}

export interface ThreadHash {
  /** `bytes` lie in shared memory, and stay as they are until this resolves. */
  update(bytes: Uint8Array): Promise<unknown>;
  digest(): Promise<string>;
  drop(): void;
}

export function createThreadHash(): ThreadHash {
  lastId += 1;
  const id = lastId;
  return {
    update: (bytes) => ask({ id, bytes }),
    digest: () => ask({ id, end: 'digest' }),
    drop: () => void ask({ id, end: 'drop' }).catch(() => undefined),
  };
}
