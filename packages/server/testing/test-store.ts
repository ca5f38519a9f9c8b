// The law every Storage obeys; each store's test calls it with a way to make an empty one, which all of it shares: keys are
// each test's own.
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Listed, type Storage, StorageError } from '../src/files/storage.ts';

export interface MadeStore {
  storage: Storage;
  destroy(): Promise<void>;
}

const NO_LIMIT = { maxBytes: Number.MAX_SAFE_INTEGER };

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function inPieces(bytes: Buffer, pieceBytes: number): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    })(),
    { objectMode: false },
  );
}

async function kindOf(put: Promise<unknown>): Promise<string> {
  return put.then(
    () => 'stored',
    (error) => (error instanceof StorageError ? error.kind : 'another error'),
  );
}

async function listed(storage: Storage, prefix: string): Promise<Listed[]> {
  const all: Listed[] = [];
  for await (const entry of storage.list(prefix)) all.push(entry);
  return all.sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function read(
  storage: Storage,
  key: string,
  range?: { start: number; end: number },
): Promise<Buffer | undefined> {
  const opened = await storage.open(key, range);
  return opened && buffer(opened.stream);
}

export function testStore(name: string, make: () => Promise<MadeStore>): void {
  describe(`${name} as a store`, () => {
    let made: MadeStore;
    let storage: Storage;

    beforeAll(async () => {
      made = await make();
      storage = made.storage;
    });
    afterAll(() => made.destroy());

    it.each([0, 1, 4_099, 4_100, 4_101, 65_536, 65_537, 3_000_000])(
      '%i bytes come back as they went in',
      async (size) => {
        const bytes = randomBytes(size);
        const expected = { sizeBytes: size, sha256: sha256(bytes), head: bytes.subarray(0, 4_100) };
        expect(await storage.put('whole', bytes, NO_LIMIT)).toEqual(expected);
        expect(await storage.put('streamed', inPieces(bytes, 1_000), NO_LIMIT)).toEqual(expected);
        for (const key of ['whole', 'streamed']) {
          const opened = await storage.open(key);
          expect(opened?.sizeBytes).toBe(size);
          expect(opened && bytes.equals(await buffer(opened.stream))).toBe(true);
        }
      },
    );

    it('a range gives those bytes and the size of the whole', async () => {
      await storage.put('k', Buffer.from('0123456789'), NO_LIMIT);
      expect((await read(storage, 'k', { start: 2, end: 4 }))?.toString()).toBe('234');
      expect((await read(storage, 'k', { start: 9, end: 9 }))?.toString()).toBe('9');
      const opened = await storage.open('k', { start: 0, end: 0 });
      expect(opened?.sizeBytes).toBe(10);
      opened?.stream.destroy();
    });

    it('a put over a key replaces it', async () => {
      await storage.put('k', Buffer.from('a longer first text'), NO_LIMIT);
      await storage.put('k', Buffer.from('second'), NO_LIMIT);
      expect((await read(storage, 'k'))?.toString()).toBe('second');
    });

    it('what is not there opens as nothing and is removed quietly', async () => {
      expect(await storage.open('nothing')).toBeUndefined();
      expect(await storage.has('nothing')).toBe(false);
      await storage.remove('nothing');
    });

    it('what was removed is gone', async () => {
      await storage.put('k', Buffer.from('x'), NO_LIMIT);
      expect(await storage.has('k')).toBe(true);
      await storage.remove('k');
      expect([await storage.has('k'), await storage.open('k')]).toEqual([false, undefined]);
    });

    it('many are removed at once, and what is not among them stays', async () => {
      const keys = ['many-1', 'many-2', 'many-3'];
      for (const key of [...keys, 'many-4']) await storage.put(key, Buffer.from(key), NO_LIMIT);
      await storage.removeAll([...keys, 'many-0']);
      await storage.removeAll([]);
      expect((await listed(storage, 'many-')).map(({ key }) => key)).toEqual(['many-4']);
    });

    it('a move renames, over what is there as well', async () => {
      await storage.put('from', Buffer.from('new'), NO_LIMIT);
      await storage.put('to', Buffer.from('old'), NO_LIMIT);
      await storage.move('from', 'to');
      expect([await storage.has('from'), (await read(storage, 'to'))?.toString()]).toEqual([false, 'new']);
    });

    it('more bytes than allowed are refused and leave nothing behind', async () => {
      const bytes = randomBytes(100_000);
      expect(await kindOf(storage.put('exact', bytes, { maxBytes: 100_000 }))).toBe('stored');
      expect(await kindOf(storage.put('exact-stream', inPieces(bytes, 777), { maxBytes: 100_000 }))).toBe('stored');
      expect(await kindOf(storage.put('over', bytes, { maxBytes: 99_999 }))).toBe('too_large');
      expect(await kindOf(storage.put('over-stream', inPieces(bytes, 777), { maxBytes: 99_999 }))).toBe('too_large');
      expect([await storage.has('over'), await storage.has('over-stream')]).toEqual([false, false]);
    });

    it('a source that breaks off leaves nothing behind', async () => {
      const broken = Readable.from(
        (function* () {
          yield Buffer.from('half');
          throw new Error('reset');
        })(),
      );
      expect(await kindOf(storage.put('broken', broken, NO_LIMIT))).toBe('source');
      expect(await storage.has('broken')).toBe(false);
    });

    it('a put can be given up while its source hangs, and its source is closed', async () => {
      const controller = new AbortController();
      const hanging = new Readable({ read() {} });
      hanging.push('half');
      const put = kindOf(storage.put('hanging', hanging, { ...NO_LIMIT, signal: controller.signal }));
      controller.abort();
      expect(await put).toBe('aborted');
      expect([hanging.destroyed, await storage.has('hanging')]).toEqual([true, false]);
    });

    it('a listing finds exactly the keys with a prefix', async () => {
      for (const key of ['in-a', 'in-b', 'out-a']) await storage.put(key, Buffer.from(key), NO_LIMIT);
      const found = await listed(storage, 'in-');
      expect(found.map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual([
        ['in-a', 4],
        ['in-b', 4],
      ]);
      expect(Math.abs(Date.now() - (found[0]?.modifiedAtMs ?? 0))).toBeLessThan(60_000);
    });

    it('many puts at once keep their bytes apart', async () => {
      const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
      await Promise.all(keys.map((key) => storage.put(key, Buffer.from(key.repeat(50)), NO_LIMIT)));
      for (const key of keys) expect((await read(storage, key))?.toString()).toBe(key.repeat(50));
    });

    it.each(['', '../x', 'a/b', 'a\\b', '/etc/passwd', 'a.b', 'A', '.', 'a\0b', '-a', 'x'.repeat(129)])(
      '%j is not a key',
      async (key) => {
        await expect(storage.put(key, Buffer.from('x'), NO_LIMIT)).rejects.toThrow();
        await expect(storage.open(key)).rejects.toThrow();
        await expect(storage.remove(key)).rejects.toThrow();
      },
    );
  });
}
