import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FileReply, type StoredFile, sendStoredFile } from './serve.ts';
import type { Storage } from './storage.ts';
import { createDiskStore } from './stores/disk.ts';

let dir = '';
let storage: Storage;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'comfleet-serve-'));
  storage = createDiskStore({ dir });
});
afterEach(() => rmSync(dir, { recursive: true }));

const BYTES = Buffer.from('0123456789');

async function store(place: 'inline' | 'stored', sizeBytes = BYTES.length): Promise<StoredFile> {
  const { sha256 } = await storage.put('k', BYTES, { maxBytes: 100 });
  const content = place === 'inline' ? { kind: place, bytes: BYTES } : { kind: place, key: 'k' };
  return { content, sizeBytes, sha256, contentType: 'image/png', filename: 'x.png', modifiedAtMs: 0 };
}

async function textOf(reply: FileReply): Promise<string | undefined> {
  if (reply.kind === 'missing') return 'missing';
  if (reply.body === undefined) return undefined;
  return (Buffer.isBuffer(reply.body) ? reply.body : await buffer(reply.body)).toString();
}

it.each(['inline', 'stored'] as const)('an %s file is sent whole, in part, or not at all', async (place) => {
  const file = await store(place);
  const ask = (headers: Record<string, string>, method = 'GET') =>
    sendStoredFile({ storage, presignedUrlSeconds: 0 }, file, { method, headers });
  expect(await textOf(await ask({}))).toBe('0123456789');
  expect(await textOf(await ask({ range: 'bytes=2-4' }))).toBe('234');
  expect(await textOf(await ask({ range: 'bytes=-1' }))).toBe('9');
  expect(await textOf(await ask({}, 'HEAD'))).toBeUndefined();
  expect(await textOf(await ask({ 'if-none-match': '*' }))).toBeUndefined();
  expect(await ask({ range: 'bytes=10-' })).toMatchObject({ status: 416, body: undefined });
});

it('a row without its bytes is missing, not an empty answer', async () => {
  const file = await store('stored');
  await storage.remove('k');
  expect(await sendStoredFile({ storage, presignedUrlSeconds: 0 }, file, { method: 'GET', headers: {} })).toEqual({
    kind: 'missing',
  });
});

it('bytes of another size than the row says are missing too', async () => {
  const file = await store('stored', 11);
  expect(await sendStoredFile({ storage, presignedUrlSeconds: 0 }, file, { method: 'GET', headers: {} })).toEqual({
    kind: 'missing',
  });
});

it('with signed URLs a stored file is answered with one, as long as it is there; what needs no bytes is answered here', async () => {
  const file = await store('stored');
  const signed: unknown[] = [];
  const sign: Storage['sign'] = async (key, as) => {
    signed.push([key, as]);
    return 'https://storage.example/k?signature';
  };
  const deps = { storage: { ...storage, sign }, presignedUrlSeconds: 60 };
  const ask = (headers: Record<string, string>, method = 'GET', of = file) =>
    sendStoredFile(deps, of, { method, headers });
  const headers = {
    location: 'https://storage.example/k?signature',
    'cache-control': 'no-store',
    'content-length': '0',
  };
  expect(await ask({ range: 'bytes=2-4' })).toEqual({ kind: 'reply', status: 302, headers, body: undefined });
  const as = { contentType: 'image/png', contentDisposition: 'inline; filename="x.png"', forSeconds: 60 };
  expect(signed).toEqual([['k', as]]);
  expect(await ask({}, 'HEAD')).toMatchObject({ status: 200 });
  expect(await ask({ 'if-none-match': '*' })).toMatchObject({ status: 304 });
  expect(await ask({}, 'GET', await store('inline'))).toMatchObject({ status: 200 });
  await storage.remove('k');
  expect(await ask({})).toEqual({ kind: 'missing' });
});
