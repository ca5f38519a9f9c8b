// One account's many hosts that never answer leave room for the webhooks of the others.
// routes: submitRequest
import { createServer, type Server, type Socket } from 'node:net';
import type { JsonObject } from '@comfleet/comfyui';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { until } from '../testing/until.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

/** More than are served at once. */
const HOSTS = 60;
const receiver = useWebhookReceiver();
const servers: Server[] = [];
const sockets = new Set<Socket>();
const silent: string[] = [];

beforeAll(async () => {
  for (let index = 0; index < HOSTS; index += 1) {
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    silent.push(`127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
    servers.push(server);
  }
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

const app = useTestApp(() => ({
  env: { COMFLEET_ALLOW_PRIVATE_HOSTS: [receiver().host, ...silent].join(',') },
  overrides: { webhookTimes: { timeoutMs: 8_000, firstDelayMs: 20, maxDelayMs: 60, windowMs: 1_500 } },
}));

async function createTheirDeployment(token: string): Promise<string> {
  const post = async (path: string, body: JsonObject) => (await app().call(path, { method: 'POST', token, body })).body;
  const workflow = await post('/workflows', { name: 'theirs' });
  const version = await post(`/workflows/${workflow['id']}/versions`, { workflow_api_json: PICTURE });
  const fields = { name: 'theirs', workflow_id: workflow['id'] ?? '', workflow_version: version['version'] ?? '' };
  return String((await post('/deployments', fields))['id']);
}

/** Of those that hang: the healthy one's may be on record by now. */
const countTries = async (deploymentId: string) => {
  const [row] = await app().db.query<{ count: number }>(
    sql`select sum(attempts)::int as count from webhook_deliveries where deployment_id = ${deploymentId}`,
  );
  return row?.count;
};

it('a delivery of another account does not wait for any of them', async () => {
  const deploymentId = await app().createDeployment();
  await Promise.all(silent.map((host) => app().submit(deploymentId, { webhook: `http://${host}/x` })));
  await until('the calls that hang', async () => sockets.size >= 20);
  const token = await app().addAccount();
  await app().submit(await createTheirDeployment(token), { webhook: receiver().url('/healthy') }, { token });
  await receiver().untilCalled('/healthy');
  expect(await countTries(deploymentId)).toBe(0);
});
