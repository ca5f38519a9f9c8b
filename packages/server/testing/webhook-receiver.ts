// A server on loopback that webhooks are sent to: keeps every call, and answers or misbehaves as a path is told to. Checks
// signatures by the specification's own words, not with the library that makes them. Used by tests.
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JsonObject, parseJson } from '@comfleet/comfyui';
import { afterAll, beforeAll } from 'vitest';
import { until } from './until.ts';

export interface ReceivedCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: JsonObject;
  readonly at: number;
}

export type Answer = (response: ServerResponse, call: ReceivedCall) => void;

export interface WebhookReceiver {
  /** host:port, as an allow-list names it. */
  readonly host: string;
  url(path: string): string;
  /** What calls of this path get instead of 200. */
  answer(path: string, answer: Answer): void;
  callsOf(path: string): ReceivedCall[];
  /** Once there are so many. */
  untilCalled(path: string, times?: number): Promise<ReceivedCall[]>;
}

/** Called at the top of a test file. */
export function useWebhookReceiver(): () => WebhookReceiver {
  const calls: ReceivedCall[] = [];
  const answers = new Map<string, Answer>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = (request.url ?? '').split('?')[0] ?? '';
    const text = Buffer.concat(chunks).toString();
    const body = parseJson(text) as JsonObject;
    const call = { path, headers: request.headers, text, body, at: performance.now() };
    calls.push(call);
    const answer = answers.get(path);
    if (answer) answer(response, call);
    else response.end();
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return () => {
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const callsOf = (path: string) => calls.filter((call) => call.path === path);
    return {
      host,
      url: (path) => `http://${host}${path}`,
      answer: (path, answer) => void answers.set(path, answer),
      callsOf,
      untilCalled: (path, times = 1) =>
        until(`${times} calls of ${path}`, async () => {
          const found = callsOf(path);
          return found.length >= times && found;
        }),
    };
  };
}

/** The signatures that a call must carry one of, from the specification: HMAC-SHA256 over id, timestamp and body. */
export function expectedSignature(call: ReceivedCall, secret: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = `${call.headers['webhook-id']}.${call.headers['webhook-timestamp']}.${call.text}`;
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}
