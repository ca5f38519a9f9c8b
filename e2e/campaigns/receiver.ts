// The receiver of webhooks: writes down each post, and now and then refuses one or breaks the connection, so that it has
// to come again. Created by stage.ts.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Reception } from './history.pure.ts';

/** The first post of one in ten is not acknowledged. */
const REFUSES_EVERY = 10;

export interface Receiver {
  readonly host: string;
  readonly url: string;
  readonly receptions: readonly Reception[];
  stop(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const receptions: Reception[] = [];
  const refused = new Set<string>();
  let posts = 0;
  const server = createServer(async (request, reply) => {
    const webhookId = String(request.headers['webhook-id']);
    const body = await readBody(request);
    if (body === undefined) return;
    posts += 1;
    const isRefused = posts % REFUSES_EVERY === 0 && !refused.has(webhookId);
    const { request_id: requestId, status } = body;
    receptions.push({ webhookId, requestId, status, isAcknowledged: !isRefused });
    if (!isRefused) return reply.writeHead(200).end();
    refused.add(webhookId);
    if (posts % (2 * REFUSES_EVERY) === 0) request.socket.destroy();
    else reply.writeHead(500).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}/ended`,
    receptions,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function readBody(request: IncomingMessage): Promise<{ request_id: string; status: string } | undefined> {
  try {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    return undefined; // its sender was killed in the middle
  }
}
