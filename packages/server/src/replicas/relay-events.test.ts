// A stream of events that is passed on, when its reader leaves.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import type { BrainAddress } from './brain-address.ts';
import { relayEvents } from './relay-events.ts';

/** Streams that the brain tells into. */
const open = new Set<ServerResponse>();
let asked = 0;
const server = createServer((_request, response) => {
  asked += 1;
  open.add(response);
  response.on('close', () => open.delete(response));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('id: 1\n\n');
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it('leaves no stream open at the brain when its reader left while the brain was asked', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const brain = { find: () => url, signal: () => new AbortController().signal } as unknown as BrainAddress;
  const raw = { destroyed: false, writeHead() {}, write: () => true, end() {}, once() {}, off() {} };
  const reply = { raw, hijack() {} } as unknown as FastifyReply;
  const request = { headers: {}, raw: { url: '/events' } } as unknown as FastifyRequest;
  const asking = relayEvents({ brain, ownUrl: () => url }, request, reply);
  raw.destroyed = true;
  expect(await asking).toBe(true);
  expect(asked).toBe(1);
  await until('the stream has ended', () => open.size === 0);
});
