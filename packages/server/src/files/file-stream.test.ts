import { createHash, randomBytes } from 'node:crypto';
import { fstatSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import { FileStream } from './file-stream.ts';
import { createThreadHash } from './hash-thread.ts';

const SIZE = 5 * 1024 * 1024 + 77;
const bytes = randomBytes(SIZE);
let dir = '';
let path = '';
let server: Server;
let fd = -1;
let range = { start: 0, end: SIZE };
let stream: FileStream;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'comfleet-file-stream-'));
  path = join(dir, 'f');
  writeFileSync(path, bytes);
  server = createServer((_request, reply) => {
    reply.writeHead(200, { 'content-length': range.end - range.start });
    stream = open();
    stream.on('error', () => reply.destroy());
    reply.on('close', () => stream.destroy());
    stream.pipe(reply);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true });
});

function open(): FileStream {
  fd = openSync(path, 'r');
  return new FileStream({ fd, ...range });
}
const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const isClosed = () => {
  try {
    fstatSync(fd);
    return false;
  } catch {
    return true;
  }
};

it.each([
  { start: 0, end: SIZE },
  { start: 1_000_000, end: 3_000_001 },
  { start: 5, end: 6 },
])('bytes %j pass to a reply, a reader and a buffer as they are, and the file is closed', async (wanted) => {
  range = wanted;
  const expected = bytes.subarray(wanted.start, wanted.end);
  expect(Buffer.from(await (await fetch(url())).arrayBuffer()).equals(expected)).toBe(true);
  await until('the file is closed', isClosed);
  expect((await buffer(open())).equals(expected)).toBe(true);
  await until('the file is closed', isClosed);
  const filling = open();
  const into = Buffer.alloc(SIZE);
  let at = 0;
  for (let count = -1; count !== 0; at += count) count = await filling.fill(into.subarray(at));
  expect(into.subarray(0, at).equals(expected)).toBe(true);
  filling.destroy();
  await until('the file is closed', isClosed);
});

it('a caller that goes away has the file closed', async () => {
  range = { start: 0, end: SIZE };
  const controller = new AbortController();
  const reply = await fetch(url(), { signal: controller.signal });
  controller.abort();
  await reply.arrayBuffer().catch(() => undefined);
  await until('the file is closed', isClosed);
});

it('a file that lost its end breaks the reply off', async () => {
  range = { start: 0, end: SIZE };
  truncateSync(path, SIZE - 1);
  await expect(fetch(url()).then((reply) => reply.arrayBuffer())).rejects.toThrow();
  await expect(buffer(open())).rejects.toThrow('changed while it was read');
  writeFileSync(path, bytes);
});

it('a check that fails at the end fails the reader', async () => {
  const check = () => {
    throw new Error('it grew');
  };
  await expect(buffer(new FileStream({ fd: openSync(path, 'r'), start: 0, end: SIZE, check }))).rejects.toThrow(
    'it grew',
  );
});

it('the hashes of files that are hashed at the same time are each their own', async () => {
  const parts = [bytes.subarray(0, 600_000), bytes.subarray(600_000, 1_100_000), bytes.subarray(1_100_000, 1_100_001)];
  const hashes = parts.map(() => createThreadHash());
  createThreadHash().drop();
  for (const [index, hash] of hashes.entries()) {
    for (const part of parts.slice(index)) await hash.update(part);
  }
  const expected = parts.map((_, index) =>
    createHash('sha256')
      .update(Buffer.concat(parts.slice(index)))
      .digest('hex'),
  );
  expect(await Promise.all(hashes.map((hash) => hash.digest()))).toEqual(expected);
});
