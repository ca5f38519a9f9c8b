// What a receiver can do wrong, what becomes of its deliveries, and that nobody else waits for it. The schedule is the real
// one in miniature; its true times are tested in webhooks/schedule.pure.test.ts.
import { createServer, type Server, type Socket } from 'node:net';
import type { JsonObject } from '@comfleet/comfyui';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { type TestApp, useTestApp } from '../testing/create-test-app.ts';
import { until } from '../testing/until.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

const TIMES = { timeoutMs: 400, firstDelayMs: 20, maxDelayMs: 60, windowMs: 1_500 };

const receiver = useWebhookReceiver();
const other = useWebhookReceiver();

// Speaks no HTTP of its own accord: `/reset` ends the connection hard, everything else trickles a status line.
const rude = { host: '', server: undefined as Server | undefined };
const sockets = new Set<Socket>();
beforeAll(async () => {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      if (bytes.toString('latin1').startsWith('POST /reset')) return socket.resetAndDestroy();
      const letters = 'HTTP/1.1 200 OK\r\n\r\n'[Symbol.iterator]();
      const timer = setInterval(() => socket.write(letters.next().value ?? '\n'), 100);
      return socket.once('close', () => clearInterval(timer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  rude.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  rude.server = server;
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => rude.server?.close(resolve));
});

const CLOSED = '127.0.0.1:9'; // the discard service, which nobody runs
const app = useTestApp(() => ({
  env: { COMFLEET_ALLOW_PRIVATE_HOSTS: [receiver().host, other().host, rude.host, CLOSED].join(',') },
  overrides: { webhookTimes: TIMES },
}));

async function listOf(requestId: string): Promise<JsonObject[]> {
  return (await app().call(`/webhooks/deliveries?request_id=${requestId}`)).body['data'] as JsonObject[];
}

/** A run whose webhook goes there; its delivery once it has that status, tries included. */
async function deliver(webhook: string, status: string): Promise<JsonObject> {
  const deploymentId = await app().createDeployment();
  const requestId = await app().submit(deploymentId, { webhook });
  return await untilDelivery(requestId, status);
}

async function untilDelivery(requestId: string, status: string): Promise<JsonObject> {
  const found = await until(`a delivery that is ${status}`, async () => {
    const [delivery] = await listOf(requestId);
    return delivery?.['status'] === status && delivery;
  });
  return (await app().call(`/webhooks/deliveries/${found['id']}`)).body;
}

const triesOf = (delivery: JsonObject) => delivery['tries'] as JsonObject[];

describe('a receiver', () => {
  it('that answers 500 for the whole schedule is given up, and the reason says so', async () => {
    receiver().answer('/500', (response) => response.writeHead(500).end('broken'));
    const delivery = await deliver(receiver().url('/500'), 'failed');
    expect(delivery).toMatchObject({ last_status: 500, reason: expect.stringContaining('Not acknowledged in') });
    expect(Object.keys(delivery)).not.toContain('next_at');
    expect(triesOf(delivery).length).toBeGreaterThan(1);
    expect(triesOf(delivery)[0]).toMatchObject({ status: 500, error: 'It answered 500.', reply: 'broken' });
    const calls = receiver().callsOf('/500');
    expect(calls).toHaveLength(triesOf(delivery).length);
    expect(new Set(calls.map((call) => call.headers['webhook-id'])).size).toBe(1);
  });

  it('that recovers gets it, with the same id and a new timestamp', async () => {
    receiver().answer('/recovers', (response) => {
      const isBroken = receiver().callsOf('/recovers').length < 2;
      response.writeHead(isBroken ? 503 : 204).end();
    });
    const delivery = await deliver(receiver().url('/recovers'), 'delivered');
    expect(triesOf(delivery).map((tried) => tried['status'])).toEqual([503, 204]);
    const [first, second] = receiver().callsOf('/recovers');
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.text).toBe(first?.text);
  });

  it('that redirects has failed: the other address is never called', async () => {
    receiver().answer('/301', (response) => response.writeHead(301, { location: other().url('/elsewhere') }).end());
    const delivery = await deliver(receiver().url('/301'), 'failed');
    expect(triesOf(delivery)[0]).toMatchObject({ status: 301, error: expect.stringContaining('redirects') });
    expect(other().callsOf('/elsewhere')).toEqual([]);
  });

  it('that says 410 gets nothing more at that URL until a replay is acknowledged', async () => {
    let status = 410;
    receiver().answer('/410', (response) => response.writeHead(status).end());
    const gone = await deliver(receiver().url('/410'), 'disabled');
    expect(gone).toMatchObject({ attempts: 1, last_status: 410, reason: expect.stringContaining('410') });
    const unsent = await deliver(receiver().url('/410'), 'disabled');
    expect([unsent['attempts'], unsent['reason']]).toEqual([0, gone['reason']]);
    expect(receiver().callsOf('/410')).toHaveLength(1);
    await deliver(receiver().url('/410-not'), 'delivered');
    status = 200;
    await app().call(`/webhooks/deliveries/${gone['id']}/replay`, { method: 'POST' });
    await untilDelivery(String(gone['request_id']), 'delivered');
    await deliver(receiver().url('/410'), 'delivered');
    expect(receiver().callsOf('/410')).toHaveLength(3);
  });

  it('that never answers has failed after its time', async () => {
    receiver().answer('/hangs', () => undefined);
    const delivery = await deliver(receiver().url('/hangs'), 'failed');
    expect(triesOf(delivery)[0]).toMatchObject({ error: 'No answer within 0.4 s.' });
    expect(Number(triesOf(delivery)[0]?.['ms'])).toBeGreaterThanOrEqual(390);
  });

  it('that trickles its status line has failed after its time', async () => {
    const delivery = await deliver(`http://${rude.host}/trickles`, 'failed');
    expect(triesOf(delivery)[0]).toMatchObject({ error: 'No answer within 0.4 s.' });
  });

  it('that resets, is closed, or cannot speak TLS is told in one and the same text', async () => {
    const urls = [`http://${rude.host}/reset`, `http://${CLOSED}/`, receiver().url('/tls').replace('http:', 'https:')];
    const deliveries = await Promise.all(urls.map((url) => deliver(url, 'failed')));
    const texts = deliveries.flatMap((delivery) => triesOf(delivery).map((tried) => tried['error']));
    expect(new Set(texts)).toEqual(new Set(['It could not be reached, or ended the connection without an answer.']));
    for (const delivery of deliveries) expect(Object.keys(delivery)).not.toContain('last_status');
  });

  it('that acknowledges with a reply without end has acknowledged, and its beginning is kept', async () => {
    receiver().answer('/endless', (response) => {
      response.writeHead(200);
      const more = () => {
        do if (response.destroyed) return;
        while (response.write('x'.repeat(16_384)));
      };
      response.on('drain', more).on('error', () => undefined);
      more();
    });
    const delivery = await deliver(receiver().url('/endless'), 'delivered');
    expect(triesOf(delivery)).toMatchObject([{ status: 200, reply: 'x'.repeat(1_024) }]);
  });

  it('that trickles the body of a refusal is tried again like any other', async () => {
    receiver().answer('/slow-500', (response) => {
      const timer = setInterval(() => response.write('.'), 100);
      response.writeHead(500).on('close', () => clearInterval(timer));
      response.write('.');
    });
    const delivery = await deliver(receiver().url('/slow-500'), 'failed');
    expect(triesOf(delivery)[0]).toMatchObject({ status: 500, reply: expect.stringMatching(/^\.+$/) });
  });
});

describe('a receiver that hangs', () => {
  it('delays nobody else, and has no more than its cap of calls under way', async () => {
    other().answer('/hangs', () => undefined);
    const deploymentId = await app().createDeployment();
    for (let count = 0; count < 40; count += 1) {
      await app().submit(deploymentId, { webhook: other().url('/hangs') });
    }
    await other().untilCalled('/hangs', 4);
    const before = performance.now();
    await deliver(receiver().url('/healthy'), 'delivered');
    expect(performance.now() - before).toBeLessThan(3_000);
    await other().untilCalled('/hangs', 12);
    const { body } = await app().call(`/webhooks/deliveries?deployment_id=${deploymentId}`);
    expect(body['data']).toHaveLength(40);
    expect(mostAtOnce(await listTried(deploymentId))).toBe(4);
  });
});

interface Tried {
  readonly from: number;
  readonly to: number;
}

async function listTried(deploymentId: string): Promise<Tried[]> {
  return await app().db.query<Tried>(sql`
    select t.started_at as from, t.started_at + t.ms * interval '1 ms' as to
    from webhook_tries t join webhook_deliveries d on d.id = t.delivery_id where d.deployment_id = ${deploymentId}`);
}

/** Instants are whole milliseconds, so an end and the start that follows it may seem to meet. */
function mostAtOnce(tries: readonly Tried[]): number {
  const CLOSE_MS = 5;
  return Math.max(...tries.map(({ from }) => tries.filter((t) => t.from <= from && t.to - CLOSE_MS > from).length));
}

describe('a service that ends between the end of a request and its delivery', () => {
  it('delivers after its next start, under the same id', async () => {
    let isUp = false;
    receiver().answer('/after-restart', (response) => {
      if (isUp) response.end();
    });
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, { webhook: receiver().url('/after-restart') });
    await receiver().untilCalled('/after-restart');
    await app().restart();
    isUp = true;
    const delivery = await untilDelivery(requestId, 'delivered');
    const ids = receiver()
      .callsOf('/after-restart')
      .map((call) => call.headers['webhook-id']);
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids)).toEqual(new Set([`msg_${String(delivery['id']).replaceAll('-', '')}`]));
  });

  it('delivers what a killed process had claimed, although its job died with it', async () => {
    receiver().answer('/killed', (response) => response.writeHead(500).end());
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, { webhook: receiver().url('/killed') });
    await receiver().untilCalled('/killed');
    await leaveAsKilled(app(), requestId);
    receiver().answer('/killed', (response) => response.end());
    await app().restart();
    await untilDelivery(requestId, 'delivered');
  });
});

/** Claimed, and its job locked by a worker that is no more: what kill -9 leaves. */
async function leaveAsKilled(service: TestApp, requestId: string): Promise<void> {
  await service.db.query(sql`delete from comfleet_jobs._private_jobs`);
  await service.db.query(sql`
    update webhook_deliveries set claimed_until = now() + interval '1 hour', next_at = now(), status = 'pending'
    where request_id = ${requestId}`);
}
