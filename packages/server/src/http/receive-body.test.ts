import { PassThrough } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { expect, it } from 'vitest';
import { createBodyReceiver } from './receive-body.ts';

const LIMIT = 2 * 1024 * 1024;

// What the receiver uses of a call: its headers, and whether its answer has been sent.
function makeCall(length: number) {
  const raw = new PassThrough();
  const request = { headers: { 'content-length': String(length) } } as unknown as FastifyRequest;
  Object.assign(request, { raw: { headers: request.headers } });
  return { request, reply: { raw } as unknown as FastifyReply };
}

it('senders that announce much and send little give way to a body that comes', async () => {
  const receiver = createBodyReceiver(LIMIT, 20);
  const receive = (payload: PassThrough) => {
    const { request, reply } = makeCall(LIMIT);
    // A body that is cut off takes its connection, and with it the answer, along.
    payload.once('error', () => reply.raw.destroy());
    receiver.expect(request, reply);
    return new Promise<Buffer>((resolve, reject) => {
      receiver.receive(request, payload, (error, body) => (error ? reject(error) : resolve(body ?? Buffer.alloc(0))));
    });
  };
  const trickles = Array.from({ length: 4 }, () => new PassThrough());
  const refused = trickles.map((payload) => receive(payload).catch((error: Error) => error.message));
  for (const payload of trickles) payload.write('{');
  const whole = new PassThrough();
  const received = receive(whole);
  whole.end(Buffer.alloc(LIMIT, 0x20));
  expect((await received).length).toBe(LIMIT);
  expect(await Promise.race(refused)).toContain('broke off');
  for (const payload of trickles) payload.destroy();
  await Promise.all(refused);
});
