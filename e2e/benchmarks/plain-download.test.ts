import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { downloadPlainly } from './plain-download.ts';

const SIZE = 3 * 1024 * 1024 + 5;
let server: Server;
beforeAll(async () => {
  server = createServer((request, reply) => {
    if (request.url === '/gone') return reply.writeHead(404).end();
    reply.writeHead(200, { 'content-length': SIZE });
    if (request.url === '/file?a=1') return reply.end(Buffer.alloc(SIZE));
    reply.write(Buffer.alloc(1_000), () => reply.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void server.close());
const url = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

it('counts every byte of the body, and times the first', async () => {
  const { bytes, firstByteMs, downloadMs } = await downloadPlainly(url('/file?a=1'));
  expect(bytes).toBe(SIZE);
  expect(firstByteMs).toBeGreaterThan(0);
  expect(downloadMs).toBeGreaterThanOrEqual(firstByteMs);
});

it('fails on an answer that is no file, or that breaks off', async () => {
  await expect(downloadPlainly(url('/gone'))).rejects.toThrow('not a whole file');
  await expect(downloadPlainly(url('/short'))).rejects.toThrow(`ended after 1000 of ${SIZE} bytes`);
});
