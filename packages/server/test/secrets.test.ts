// A session full of secrets, in their places and in wrong ones: none of them turns up in the log, the metrics, a list, an
// error, the timeline or a webhook (invariant 12). What each call answers is kept, and read at the end.
import { randomBytes } from 'node:crypto';
import type { JsonObject } from '@comfleet/comfyui';
import { beforeAll, expect, it } from 'vitest';
import { makeToken } from '../src/accounts/token.pure.ts';
import { createLogTo } from '../src/telemetry/log.ts';
import { type CallOptions, PHOTO, type Reply } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { readEvents } from '../testing/event-reader.ts';
import { useFileServer } from '../testing/file-server.ts';
import { until } from '../testing/until.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const METRICS_TOKEN = 'a-token-for-the-metrics';
const EXTRA = 'sk-planted-in-extra-data';
const wrongToken = makeToken(randomBytes(96));

const files = useFileServer((request, response) => {
  if (request.url?.startsWith('/pixel')) return void response.end(Buffer.from(PIXEL, 'base64'));
  if (request.url?.startsWith('/moved')) {
    return void response.writeHead(302, { location: '/gone?sig=planted-in-location' }).end();
  }
  response.writeHead(404).end('planted-in-a-fetched-reply');
});
const webhooks = useWebhookReceiver();
const lines: string[] = [];
const app = useTestApp(() => ({
  env: {
    COMFLEET_ALLOW_PRIVATE_HOSTS: `${files().host},${webhooks().host},127.0.0.1:1`,
    COMFLEET_METRICS_TOKEN: METRICS_TOKEN,
  },
  overrides: {
    log: createLogTo('debug', { write: (line) => lines.push(line) }),
    webhookTimes: { timeoutMs: 2_000, firstDelayMs: 10, maxDelayMs: 10, windowMs: 100 },
  },
}));

/** Everything that was answered, but for what shows a secret once. */
const answers: string[] = [];
/** Secrets that the service made. */
const made: string[] = [];

async function call(path: string, options: CallOptions = {}): Promise<Reply> {
  const reply = await app().call(path, options);
  answers.push(`${path.split('?')[0]} ${JSON.stringify([...reply.headers])} ${reply.text}`);
  return reply;
}

const post = (path: string, body: JsonObject | string, more: CallOptions = {}) =>
  call(path, { method: 'POST', body, ...more });
const photo = (image: string): JsonObject => ({ overrides: { '1': { inputs: { image } } } });

async function wrongPlaces(deploymentId: string) {
  const inference = `/deployments/${deploymentId}/inference`;
  const bad: [string, CallOptions][] = [
    ['/deployments', { token: wrongToken }],
    ['/deployments', { token: 'planted-as-a-foreign-token-of-another-service' }],
    ['/deployments', { token: null, headers: { authorization: 'Basic cGxhbnRlZC1hcy1iYXNpYw==' } }],
    ['/deployments', { token: null, headers: { 'x-api-key': 'planted-as-an-api-key' } }],
    [`/deployments?token=${app().token}`, { token: null }],
    [`/deployments?limit=nonsense&token=${app().token}`, {}],
    [`/deployments/${deploymentId}/requests?cursor=nonsense&authorization=${app().token}`, {}],
    [`/nowhere/here?key=planted-in-a-query`, {}],
    [`//metrics?token=${METRICS_TOKEN}`, { token: wrongToken }],
    [inference, { method: 'POST', body: `{"extra_data":{"api_key_comfy_org":"${EXTRA}"},` }],
    [inference, { method: 'POST', body: { extra_data: EXTRA } }],
    [inference, { method: 'POST', body: { extra_data: [EXTRA], overrides: 7 } }],
    [inference, { method: 'POST', body: { extra_data: { key: EXTRA }, overrides: { '99': { inputs: {} } } } }],
    [inference, { method: 'POST', body: { webhook: 'http://10.0.0.7/hook?key=planted-in-a-refused-webhook' } }],
    [inference, { method: 'POST', body: { webhook: 'ftp://user:planted-as-a-password@example.org/' } }],
    [`${inference}?webhook=nonsense%3Fkey%3Dplanted-in-a-broken-webhook`, { method: 'POST', body: {} }],
    [
      inference,
      {
        method: 'POST',
        body: photo(
          `data:image/png;base64,${Buffer.from(`${'not a picture '.repeat(3)}planted in a data URI`).toString('base64')}`,
        ),
      },
    ],
    [
      inference,
      { method: 'POST', body: photo(`data:image/png;base64,${'A'.repeat(40)}!planted-in-a-broken-data-URI`) },
    ],
  ];
  for (const [path, options] of bad) {
    const reply = await call(path, options);
    if (!path.startsWith('/deployments?token')) expect(reply.status, path).toBeLessThan(500);
  }
}

async function runs(deploymentId: string) {
  const hook = (path: string) => `${webhooks().url(path)}?key=planted-in-a-webhook`;
  webhooks().answer('/fails', (response) => void response.writeHead(500).end());
  webhooks().answer('/moves', (response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:1/?key=planted-in-a-webhooks-location' }).end();
  });
  const extra_data = { api_key_comfy_org: EXTRA };
  const failing = { ...extra_data, emulator: { nodeError: { type: 'ValueError', message: `no such key: ${EXTRA}` } } };
  const bodies: JsonObject[] = [
    { ...photo(`${files().url}/pixel?signature=planted-in-a-media-url`), extra_data, webhook: hook('/takes') },
    { ...photo(`data:image/png;base64,${PIXEL}`), extra_data, webhook: hook('/fails') },
    { ...photo(`${files().url}/gone?signature=planted-in-a-media-url`), extra_data, webhook: hook('/moves') },
    { ...photo(`${files().url}/moved?signature=planted-in-a-media-url`), webhook: hook('/takes') },
    { ...photo('http://127.0.0.1:1/x?signature=planted-in-a-media-url'), extra_data },
    { extra_data: failing, webhook: 'http://127.0.0.1:1/hook?key=planted-in-a-webhook' },
    { extra_data, webhook: hook('/takes'), webhook_intermediate_status: true },
  ];
  for (const body of bodies) {
    const { body: accepted } = await post(`/deployments/${deploymentId}/inference`, body);
    const requestId = String(accepted['request_id']);
    const path = `/deployments/${deploymentId}/requests/${requestId}`;
    const reader = await readEvents(`${app().url}/prod/v2${path}/events`, { token: app().token });
    await reader.untilEnded();
    answers.push(reader.text());
    await app().untilEnded(deploymentId, requestId);
    for (const which of ['', '/status', '/result']) await call(path + which);
  }
}

async function proxied(deploymentId: string) {
  const { body } = await call(`/deployments/${deploymentId}/instances`);
  const [instance] = body['data'] as JsonObject[];
  const proxy = `/deployments/${deploymentId}/instances/${String(instance?.['instance_id'] ?? instance?.['id'])}/proxy`;
  const extra_data = { api_key_comfy_org: EXTRA };
  const submitted = await post(`${proxy}/prompt`, { prompt: PHOTO, extra_data });
  expect(submitted.status, submitted.text).toBe(200);
  const promptId = String(submitted.body['prompt_id']);
  await until('the proxied run', async () => promptId in (await app().call(`${proxy}/history/${promptId}`)).body);
  await post(`${proxy}/prompt`, { prompt: { '1': { class_type: 'Nothing', inputs: {} } }, extra_data });
  await call(`${proxy}/queue?token=planted-in-a-proxied-query`);
  await call(`${proxy}/userdata/x?token=planted-in-a-proxied-query`);
  await call(`${proxy}/system_stats`, { token: wrongToken });
}

async function lists(deploymentId: string) {
  const given = await app().call('/tokens', { method: 'POST', body: { name: 'made here' } });
  made.push(String(given.body['token']));
  made.push(String((await app().call('/webhooks/secret')).body['key']));
  made.push(String((await app().call('/webhooks/secret/rotate', { method: 'POST' })).body['key']));
  const { body } = await call('/webhooks/deliveries');
  for (const delivery of body['data'] as JsonObject[]) await call(`/webhooks/deliveries/${String(delivery['id'])}`);
  const plain = ['/account', '/tokens', '/events', '/deployments', '/workflows', '/admin/accounts', '/usage'];
  for (const path of [
    ...plain,
    `/deployments/${deploymentId}`,
    `/deployments/${deploymentId}/requests`,
    `/deployments/${deploymentId}/instances`,
  ]) {
    const reply = await call(path);
    expect(reply.status, path).toBe(200);
  }
  await call('//metrics', { token: METRICS_TOKEN });
}

beforeAll(async () => {
  const deploymentId = await app().createDeployment(PHOTO);
  await wrongPlaces(deploymentId);
  await runs(deploymentId);
  await proxied(deploymentId);
  await webhooks().untilCalled('/fails');
  await webhooks().untilCalled('/moves');
  await webhooks().untilCalled('/takes', 4);
  await until('the end of every delivery', async () => {
    const { body } = await app().call('/webhooks/deliveries');
    const deliveries = body['data'] as JsonObject[];
    return deliveries.length > 5 && deliveries.every((delivery) => delivery['status'] !== 'pending');
  });
  await lists(deploymentId);
}, 60_000);

/** What holds a secret, with some text around it. */
function findIn(texts: readonly string[], secrets: readonly (string | RegExp)[]): string[] {
  return secrets.flatMap((secret) =>
    texts.flatMap((text) => {
      const at = typeof secret === 'string' ? text.indexOf(secret) : text.search(secret);
      return at < 0 ? [] : [`${text.slice(0, 80)} … ${text.slice(Math.max(0, at - 80), at + 80)}`];
    }),
  );
}

const secrets = () => [/planted/i, EXTRA, PIXEL, 'cGxhbnRlZCBpbiBh', wrongToken, app().token, METRICS_TOKEN, ...made];

it('the log at its most talkative holds none', () => {
  expect(lines.length).toBeGreaterThan(5);
  expect(findIn(lines, secrets())).toEqual([]);
});

it('no answer holds one, whether list, detail, error or metric', () => {
  expect(answers.length).toBeGreaterThan(60);
  expect(findIn(answers, secrets())).toEqual([]);
});

it('no webhook holds one', () => {
  const calls = ['/fails', '/moves', '/takes'].flatMap((path) => webhooks().callsOf(path));
  const sent = calls.map(({ text, headers }) => JSON.stringify([text, headers]));
  expect(sent.length).toBeGreaterThan(5);
  expect(findIn(sent, secrets())).toEqual([]);
});
