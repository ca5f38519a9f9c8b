// What is read from the folder that a neighbouring instance names, and what never is.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDiskStore } from '../files/stores/disk.ts';
import type { Instance } from '../instances/fleet.ts';
import { fetchFile, openLocalFolders } from './fetch-file.ts';

const FOLDER = '01a21025-ec44-7172-ab08-737654000ada';
let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'comfleet-fetch-'));
  mkdirSync(join(dir, 'output', FOLDER), { recursive: true });
  mkdirSync(join(dir, 'files'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A neighbour that claims `output` as its folder, and serves other bytes over HTTP. */
function neighbour(): Instance {
  const client = { view: async () => ({ stream: Readable.from([Buffer.from('viewed')]), sizeBytes: 6 }) };
  const folders = { output: join(dir, 'output'), temp: undefined, isOwn: false };
  return { id: 'i', folders, connection: { client } } as unknown as Instance;
}

async function fetchText(subfolder: string, filename: string): Promise<string> {
  const instance = neighbour();
  const store = {
    storage: createDiskStore({ dir: join(dir, 'files') }),
    newId: () => 'n',
    maxFileBytes: 1_000,
    transferMs: 60_000,
    patienceMs: 1_000,
  };
  const deps = { store, instance, requestId: FOLDER, folder: FOLDER };
  const name = { filename, subfolder, type: 'output' as const };
  const fetched = await fetchFile(deps, openLocalFolders(instance, { hasWritten: true }), { nodeId: '9', name });
  return fetched.kind === 'stored' ? String(fetched.file.content) : fetched.kind;
}

describe("a file in a neighbour's folder", () => {
  it("is read from the disk when it lies in the attempt's own folder", async () => {
    writeFileSync(join(dir, 'output', FOLDER, 'a.png'), 'on the disk');
    expect(await fetchText(FOLDER, 'a.png')).toBe('on the disk');
  });

  it('is asked for over HTTP when it is not there', async () => {
    expect(await fetchText(FOLDER, 'a.png')).toBe('viewed');
  });

  it("is asked for over HTTP when it lies outside the attempt's folder, whatever is on the disk", async () => {
    mkdirSync(join(dir, 'output', '.ssh'));
    writeFileSync(join(dir, 'output', '.ssh', 'key'), 'secret');
    writeFileSync(join(dir, 'output', 'key'), 'secret');
    expect(await fetchText('.ssh', 'key')).toBe('viewed');
    expect(await fetchText('', 'key')).toBe('viewed');
  });

  it('is not looked for again where the folder is not on this machine, once a file was written to it', () => {
    const instance = neighbour();
    rmSync(join(dir, 'output'), { recursive: true });
    expect(openLocalFolders(instance, { hasWritten: false })).toBeUndefined();
    mkdirSync(join(dir, 'output'));
    expect(openLocalFolders(instance, { hasWritten: true })).toBeDefined();

    const elsewhere = neighbour();
    rmSync(join(dir, 'output'), { recursive: true });
    expect(openLocalFolders(elsewhere, { hasWritten: true })).toBeUndefined();
    mkdirSync(join(dir, 'output'));
    expect(openLocalFolders(elsewhere, { hasWritten: true })).toBeUndefined();
    // Its next life is another matter.
    expect(openLocalFolders(neighbour(), { hasWritten: true })).toBeDefined();
  });

  it('is never read through a link', async () => {
    writeFileSync(join(dir, 'secret'), 'secret');
    symlinkSync(join(dir, 'secret'), join(dir, 'output', FOLDER, 'a.png'));
    expect(await fetchText(FOLDER, 'a.png')).not.toBe('secret');
  });
});

it('a file that trickles in is given up in time', async () => {
  const view = async ({ signal }: { signal: AbortSignal }) => {
    const stream = new Readable({ read: () => undefined });
    stream.push('one byte, and then nothing');
    signal.addEventListener('abort', () => stream.destroy(new Error('it took too long')));
    return { stream, sizeBytes: 900 };
  };
  const instance = { id: 'i', folders: undefined, connection: { client: { view } } } as unknown as Instance;
  const storage = createDiskStore({ dir: join(dir, 'files') });
  const store = { storage, newId: () => 'n', maxFileBytes: 1_000, transferMs: 100, patienceMs: 100 };
  const deps = { store, instance, requestId: FOLDER, folder: FOLDER };
  const name = { filename: 'a.png', subfolder: FOLDER, type: 'output' as const };
  expect(await fetchFile(deps, undefined, { nodeId: '9', name })).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('it took too long'),
  });
});
