// Large files of this machine, put into the disk store by the two threads.
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { FileStream } from '../file-stream.ts';
import type { Storage } from '../storage.ts';
import { areThreadsFree, copyInThreads, THREADS_FROM_BYTES } from './copy-threads.ts';
import { createDiskStore } from './disk.ts';

const MAX = { maxBytes: 2 ** 40 };
const SIZE = 2 * THREADS_FROM_BYTES + 77;
const bytes = randomBytes(SIZE);
let dir = '';
let path = '';
let storage: Storage;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'comfleet-copy-'));
  path = join(dir, 'source');
  writeFileSync(path, bytes);
  storage = createDiskStore({ dir: join(dir, 'store') });
});
afterAll(() => rmSync(dir, { recursive: true }));

function open(range: { start?: number; end?: number; check?: () => void } = {}) {
  const fd = openSync(path, 'r');
  return { fd, stream: new FileStream({ fd, start: 0, end: SIZE, ...range }) };
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

const sha256 = (of: Buffer) => createHash('sha256').update(of).digest('hex');
const stored = () =>
  readdirSync(join(dir, 'store'), { recursive: true, encoding: 'utf8' }).filter((p) => /^..\//.test(p));
async function read(key: string): Promise<Buffer> {
  const opened = await storage.open(key);
  return await buffer(opened?.stream ?? Readable.from([]));
}

it.each([
  { start: 0, end: SIZE },
  { start: 5, end: SIZE },
  { start: 0, end: THREADS_FROM_BYTES },
])('bytes %j are stored as they are, hashed, and the source is closed', async (range) => {
  const { fd, stream } = open(range);
  const putting = storage.put('k', stream, MAX);
  expect(await putting.then(({ sizeBytes, sha256: hash }) => ({ sizeBytes, hash }))).toEqual({
    sizeBytes: range.end - range.start,
    hash: sha256(bytes.subarray(range.start, range.end)),
  });
  const { head } = await putting;
  expect(head.length).toBeGreaterThan(0);
  expect(head.equals(bytes.subarray(range.start, range.start + head.length))).toBe(true);
  expect((await read('k')).equals(bytes.subarray(range.start, range.end))).toBe(true);
  await expect.poll(() => isOpen(fd)).toBe(false);
});

it('several at once are all stored, and none waits for the threads', async () => {
  const keys = ['a', 'b', 'c'];
  const puts = await Promise.all(keys.map((key) => storage.put(key, open().stream, MAX)));
  expect(new Set(puts.map(({ sha256: hash }) => hash))).toEqual(new Set([sha256(bytes)]));
  for (const key of keys) expect((await read(key)).equals(bytes)).toBe(true);
  expect(areThreadsFree()).toBe(true);
});

it('the threads are told to be at work, and take one file at a time', async () => {
  const [source, target] = [openSync(path, 'r'), openSync(join(dir, 'copy'), 'w')];
  let wrote = 0;
  const job = { source, target, start: 0, end: SIZE, signal: undefined, onWrote: (count: number) => (wrote += count) };
  const copying = copyInThreads(job);
  expect(areThreadsFree()).toBe(false);
  await expect(copyInThreads(job)).rejects.toThrow('another file');
  expect((await copying).sha256).toBe(sha256(bytes));
  expect(wrote).toBe(2 * THREADS_FROM_BYTES);
  expect(readFileSync(join(dir, 'copy')).equals(bytes)).toBe(true);
  closeSync(source);
  closeSync(target);
});

it.each([
  { title: 'is shorter than it was', range: { end: SIZE + 1 } },
  {
    title: 'was changed meanwhile',
    range: {
      check() {
        throw new Error('the file changed while it was read');
      },
    },
  },
])('a source that $title is not stored', async ({ range }) => {
  const { fd, stream } = open(range);
  const before = stored();
  await expect(storage.put('broken', stream, MAX)).rejects.toMatchObject({ kind: 'source' });
  expect(stored()).toEqual(before);
  await expect.poll(() => isOpen(fd)).toBe(false);
});

it('a put that is given up ends, leaves nothing, and the next one is stored', async () => {
  const giving = new AbortController();
  const { fd, stream } = open();
  const readBy = stream.readBy.bind(stream);
  stream.readBy = (read) => {
    const reading = readBy(read);
    expect(areThreadsFree()).toBe(false);
    giving.abort();
    return reading;
  };
  const put = storage.put('given-up', stream, { ...MAX, signal: giving.signal });
  await expect(put).rejects.toMatchObject({ kind: 'aborted' });
  expect(await storage.has('given-up')).toBe(false);
  await expect.poll(() => isOpen(fd)).toBe(false);
  expect((await storage.put('next', open().stream, MAX)).sha256).toBe(sha256(bytes));
});

it('a target that takes nothing fails with its own code, not as the source', async () => {
  const [source, target] = [openSync(path, 'r'), openSync(path, 'r')];
  const job = { source, target, start: 0, end: SIZE, signal: undefined, onWrote: () => undefined };
  await expect(copyInThreads(job)).rejects.toMatchObject({ name: 'CopyFailed', isSource: false, code: 'EBADF' });
  closeSync(source);
  closeSync(target);
});

/** What it fails as, once the copying or the hashing thread has died over it. */
async function copyWithADeath(thread: 0 | 1): Promise<unknown> {
  const [source, target] = [openSync(path, 'r'), openSync(join(dir, 'copy'), 'w')];
  const told = vi.spyOn(Worker.prototype, 'postMessage');
  const copying = copyInThreads({ source, target, start: 0, end: SIZE, signal: undefined, onWrote: () => undefined });
  void (told.mock.contexts[thread] as Worker).terminate();
  told.mockRestore();
  const failure = await copying.catch((error: unknown) => error);
  closeSync(source);
  closeSync(target);
  return failure;
}

it.each([0, 1] as const)('a thread (%i) that dies fails its file, and the next has others', async (thread) => {
  expect(await copyWithADeath(thread)).toMatchObject({ name: 'CopyFailed', isSource: false });
  expect(areThreadsFree()).toBe(true);
  expect((await storage.put('after', open().stream, MAX)).sha256).toBe(sha256(bytes));
});

it('threads that cannot be started are no fault of the file, and are started for the next', async () => {
  await copyWithADeath(0);
  onTestFinished(() => void vi.unstubAllGlobals());
  const noMemory = function noMemory() {
    throw new RangeError('no memory');
  };
  vi.stubGlobal('SharedArrayBuffer', noMemory);
  await expect(storage.put('none', open().stream, MAX)).rejects.toMatchObject({ kind: 'unavailable' });
  vi.unstubAllGlobals();
  expect(areThreadsFree()).toBe(true);
  expect((await storage.put('next', open().stream, MAX)).sha256).toBe(sha256(bytes));
});

it('a larger file than is allowed is refused', async () => {
  await expect(storage.put('large', open().stream, { maxBytes: SIZE - 1 })).rejects.toMatchObject({
    kind: 'too_large',
  });
  expect(await storage.has('large')).toBe(false);
});
