import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testStore } from '../../../testing/test-store.ts';
import { createDiskStore } from './disk.ts';

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'comfleet-disk-'));
}

testStore('disk', async () => {
  const dir = temporaryFolder();
  return { storage: createDiskStore({ dir }), destroy: async () => rmSync(dir, { recursive: true }) };
});

describe('disk', () => {
  let dir = '';

  beforeEach(() => {
    dir = temporaryFolder();
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const files = () => readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((path) => /^..\//.test(path));
  const MAX = { maxBytes: 2 ** 40 };

  it('two hundred and fifty-six folders are there from the start and keys spread over them', async () => {
    const storage = createDiskStore({ dir });
    expect(readdirSync(dir)).toHaveLength(256);
    for (let i = 0; i < 256; i++) await storage.put(`01890a5d-ac96-774b-bcce-${i}`, Buffer.from('x'), MAX);
    expect(new Set(files().map((path) => path.slice(0, 2))).size).toBeGreaterThan(80);
  });

  it('files are for the owner only', async () => {
    await createDiskStore({ dir }).put('k', Buffer.from('x'), MAX);
    const [path = ''] = files();
    expect(statSync(join(dir, path)).mode & 0o077).toBe(0);
  });

  it('a symlink in the place of a file is neither followed nor written through', async () => {
    const storage = createDiskStore({ dir });
    await storage.put('k', Buffer.from('x'), MAX);
    const [path = ''] = files();
    const outside = join(dir, 'outside');
    writeFileSync(outside, 'secret');
    rmSync(join(dir, path));
    symlinkSync(outside, join(dir, path));
    expect([await storage.open('k'), await storage.has('k')]).toEqual([undefined, false]);
    await expect(storage.put('k', Buffer.from('overwritten'), MAX)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(readFileSync(outside, 'utf8')).toBe('secret');
  });

  it('a folder that is a symlink stops the start', () => {
    const elsewhere = temporaryFolder();
    symlinkSync(elsewhere, join(dir, '00'));
    expect(() => createDiskStore({ dir })).toThrow('not a plain folder');
    rmSync(elsewhere, { recursive: true });
  });

  it('a full disk is told apart from a broken one', async () => {
    const storage = createDiskStore({ dir });
    await storage.put('k', Buffer.from('x'), MAX);
    const path = join(dir, files()[0] ?? '');
    // The device whose writes all fail with ENOSPC, in the place of the file; only root may make one.
    const standIn = () => {
      rmSync(path, { force: true });
      return spawnSync('mknod', [path, 'c', '1', '7']).status === 0;
    };
    for (const source of [Buffer.from('x'), Buffer.alloc(200_000), Readable.from([Buffer.from('x')])]) {
      if (!standIn()) return;
      await expect(storage.put('k', source, MAX)).rejects.toMatchObject({ kind: 'full' });
    }
    await storage.put('k', Buffer.from('room again'), MAX);
  });

  it('a vanished folder is unavailable, not full', async () => {
    const storage = createDiskStore({ dir });
    for (const folder of readdirSync(dir)) rmSync(join(dir, folder), { recursive: true });
    await expect(storage.put('k', Buffer.from('x'), MAX)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('five hundred megabytes pass through flat memory', { timeout: 60_000 }, async () => {
    const piece = Buffer.alloc(1 << 20, 'comfleet');
    let peakBytes = 0;
    const startBytes = process.memoryUsage().rss;
    const source = Readable.from(
      (function* () {
        for (let i = 0; i < 500; i++) {
          peakBytes = Math.max(peakBytes, process.memoryUsage().rss);
          yield piece;
        }
      })(),
      { objectMode: false },
    );
    const stored = await createDiskStore({ dir }).put('big', source, MAX);
    expect(stored.sizeBytes).toBe(500 << 20);
    // A fifth of the file: what garbage the collector of any Node release leaves lying, and no copy of the whole.
    expect(peakBytes - startBytes).toBeLessThan(100 << 20);
  });
});
