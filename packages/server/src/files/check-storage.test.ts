// What checkStorage says of a storage that works, and of one that fails at each step.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkStorage } from './check-storage.ts';
import { type Storage, StorageError } from './storage.ts';
import { createDiskStore } from './stores/disk.ts';

let dir = '';
let storage: Storage;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'comfleet-check-'));
  storage = createDiskStore({ dir });
});
afterEach(() => rmSync(dir, { recursive: true }));

const fail = () =>
  Promise.reject(new StorageError('[disk] cannot be used', { kind: 'unavailable', cause: new Error('EACCES') }));

it('a storage that works has no problems and keeps no probe', async () => {
  expect(await checkStorage(storage)).toEqual([]);
  for await (const { key } of storage.list('')) expect.fail(`left behind: ${key}`);
});

it('a failed write is told with its cause and the way out', async () => {
  const problems = await checkStorage({ ...storage, put: fail });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/could not write a probe file: \[disk\] cannot be used \(EACCES\); check that its place/);
});

it('a full storage is told to need room', async () => {
  const put = () => Promise.reject(new StorageError('[disk] no room left', { kind: 'full' }));
  expect((await checkStorage({ ...storage, put }))[0]).toMatch(/no room left; make room where/);
});

it('a failed read, missing bytes and other bytes are told', async () => {
  const other = async () => ({ stream: Readable.from([Buffer.from('x')]), sizeBytes: 1 });
  expect((await checkStorage({ ...storage, open: fail }))[0]).toMatch(/could not read/);
  expect((await checkStorage({ ...storage, open: async () => undefined }))[0]).toMatch(/not there/);
  expect((await checkStorage({ ...storage, open: other }))[0]).toMatch(/other bytes/);
});

it('a failed and an ineffective removal are told', async () => {
  expect((await checkStorage({ ...storage, remove: fail }))[0]).toMatch(/could not remove/);
  expect((await checkStorage({ ...storage, remove: async () => {} }))[0]).toMatch(/still there/);
});
