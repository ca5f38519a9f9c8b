import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createInputCache, type InputCache } from './input-cache.ts';
import type { Storage } from './storage.ts';
import { createDiskStore } from './stores/disk.ts';

let dir = '';
let storage: Storage;
let cache: InputCache;
let nowMs = Date.now();

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'comfleet-inputs-'));
  storage = createDiskStore({ dir });
  nowMs = Date.now();
  cache = createInputCache({ storage, now: () => nowMs });
});
afterEach(() => rmSync(dir, { recursive: true }));

const GIF = Buffer.from('GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff');
const LIMIT = { maxBytes: 1_000 };

async function keys(): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of storage.list('')) found.push(key);
  return found.toSorted();
}

it('the same bytes are kept once, however they came, and named by what they are', async () => {
  const [decoded, fetched] = await Promise.all([
    cache.keep(GIF, LIMIT),
    cache.keep(Readable.from([GIF.subarray(0, 5), GIF.subarray(5)]), LIMIT),
  ]);
  expect(fetched.sha256).toBe(decoded.sha256);
  expect(decoded).toMatchObject({ sizeBytes: GIF.length, ext: 'gif', mime: 'image/gif', kind: 'image' });
  expect(await keys()).toEqual([`in-${decoded.sha256}`]);
  const opened = await cache.open(fetched.sha256);
  expect(opened && (await buffer(opened.stream)).equals(GIF)).toBe(true);
});

it('bytes seen a moment ago are not written again, and are when they were swept', async () => {
  let puts = 0;
  const counting: Storage = {
    ...storage,
    put: (...given) => {
      puts++;
      return storage.put(...given);
    },
  };
  const counted = createInputCache({ storage: counting, now: () => nowMs });
  const first = await counted.keep(GIF, LIMIT);
  expect(await counted.keep(GIF, LIMIT)).toEqual(first);
  expect(puts).toBe(1);
  nowMs += 3_600_000;
  await counted.keep(GIF, LIMIT);
  expect(puts).toBe(2);
  await storage.remove(`in-${first.sha256}`);
  await counted.keep(GIF, LIMIT);
  expect(puts).toBe(3);
  expect(await storage.has(`in-${first.sha256}`)).toBe(true);
});

it('bytes of no known type are a plain file', async () => {
  expect(await cache.keep(Buffer.from('hello'), LIMIT)).toMatchObject({ kind: 'file', ext: 'bin' });
});

it('too many bytes leave nothing behind', async () => {
  await expect(cache.keep(Readable.from([Buffer.alloc(1_001)]), LIMIT)).rejects.toMatchObject({ kind: 'too_large' });
  expect(await keys()).toEqual([]);
});

const NO_LIMIT = { olderThanMs: 60_000, maxBytes: Infinity, listInUse: async () => new Set<string>() };

it('whoever watches is told as soon as it has grown too large, and not by every write after', async () => {
  let told = 0;
  const write = (text: string) => cache.keep(Buffer.from(text.repeat(10)), LIMIT);
  cache.watch({ maxBytes: 25, onExceeded: () => void told++ });
  await write('a');
  await write('b');
  await write('b'); // the same bytes are written once
  expect(told).toBe(0);
  await write('c');
  await write('d');
  expect(told).toBe(1);
  nowMs += 60_000;
  await write('e');
  expect(told).toBe(2);
  nowMs += 3_600_000;
  // Of 50 bytes 10 stay, so there is room for one more.
  const limits = { olderThanMs: 7 * 86_400_000, maxBytes: 15, listInUse: async () => new Set<string>() };
  expect(await cache.sweep(limits)).toBe(4);
  await write('f');
  expect(told).toBe(2);
  await write('g');
  expect(told).toBe(3);
});

it('a sweep removes what is old, spools of crashed puts too, and nothing of others', async () => {
  const kept = await cache.keep(GIF, LIMIT);
  await storage.put('in-spool-crashed', Buffer.from('half'), LIMIT);
  await storage.put('out-1', Buffer.from('an output'), LIMIT);
  expect(await cache.sweep(NO_LIMIT)).toBe(0);
  nowMs += 3_600_000;
  expect(await cache.sweep(NO_LIMIT)).toBe(2);
  expect(await keys()).toEqual(['out-1']);
  expect(await cache.open(kept.sha256)).toBeUndefined();
});

it('over its size the least recently used go, after a restart too; never one that a request needs or that was just used', async () => {
  const hashes: string[] = [];
  for (const text of ['first', 'secnd', 'third', 'forth'])
    hashes.push((await cache.keep(Buffer.from(text), LIMIT)).sha256);
  const [first = '', second = '', third = '', fourth = ''] = hashes;
  const DAY = 86_400_000;
  const limits = { olderThanMs: 7 * DAY, maxBytes: 10, listInUse: async () => new Set([second]) };
  expect(await cache.sweep(limits)).toBe(0); // all of them were used a moment ago
  nowMs += 3_600_000;
  (await cache.open(first))?.stream.destroy();
  nowMs += 3_600_000;
  cache = createInputCache({ storage, now: () => nowMs }); // knows only what the storage tells
  await cache.keep(Buffer.from('forth'), LIMIT);
  await setTimes(first, -4_000);
  await setTimes(second, -9_000);
  await setTimes(third, -8_000);
  await setTimes(fourth, 0);
  nowMs = Date.now() + 30 * 60_000;
  expect(await cache.sweep(limits)).toBe(2);
  expect(await keys()).toEqual([second, fourth].map((hash) => `in-${hash}`).toSorted());
  nowMs += 8 * DAY;
  expect(await cache.sweep(limits)).toBe(1);
  expect(await keys()).toEqual([`in-${second}`]);
});

async function setTimes(hash: string, ms: number): Promise<void> {
  const file = readdirSync(dir, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith(`in-${hash}`));
  const at = new Date(Date.now() + ms);
  utimesSync(join(dir, file ?? ''), at, at);
}
