import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLog } from '../telemetry/log.ts';
import { createHttpServer } from './server.ts';

const HEADERS_TIMEOUT_MS = 300;

let app: FastifyInstance;
let port = 0;
beforeAll(async () => {
  app = createHttpServer({
    log: createLog('silent'),
    newId: () => 'the-id',
    bodyLimitBytes: 1_000,
    errorStatus: 'real',
    corsOrigins: [],
    headersTimeoutMs: HEADERS_TIMEOUT_MS,
  });
  port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
});
afterAll(async () => await app.close());

it.each([
  ['nothing more than a beginning', 'GET /nowhere'],
  ['headers that never end', 'GET /nowhere HTTP/1.1\r\nHost: localhost\r\nX-A: '],
])('%s is cut off with 408, however it trickles, and others are served meanwhile', async (_what, beginning) => {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(beginning);
  const trickle = setInterval(() => socket.write('a'), 50);
  const began = performance.now();
  const other = await fetch(`http://127.0.0.1:${port}/nowhere`);
  expect(other.status).toBe(404);
  let heard = '';
  for await (const chunk of socket) heard += String(chunk);
  clearInterval(trickle);
  expect(performance.now() - began).toBeGreaterThan(HEADERS_TIMEOUT_MS * 0.9);
  expect(heard.split('\r\n')[0]).toBe('HTTP/1.1 408 Request Timeout');
  expect(JSON.parse(heard.slice(heard.indexOf('{')))).toMatchObject({ error_code: 422001, request_id: 'the-id' });
});
