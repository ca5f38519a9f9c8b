// Webhooks through HTTP: what is sent for each way a request ends, how it is signed, and the list, detail and replay.
// routes: listDeliveries, getDelivery, replayDelivery, getWebhookSecret, rotateWebhookSecret
import type { JsonObject } from '@comfleet/comfyui';
import { afterEach, describe, expect, it } from 'vitest';
import { PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, INSTANT } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';
import { expectedSignature, useWebhookReceiver } from '../testing/webhook-receiver.ts';

const receiver = useWebhookReceiver();
const app = useTestApp(() => ({ env: { COMFLEET_ALLOW_PRIVATE_HOSTS: receiver().host } }));

const SLOW: JsonObject = { extra_data: { emulator: { serviceMs: 60_000 } } };
let paths = 0;
function newPath(): string {
  paths += 1;
  return `/hook-${paths}`;
}

afterEach(() => app().cancelAll());

async function deliveryOf(requestId: string, status: string): Promise<JsonObject> {
  return await until(`a delivery of ${requestId} that is ${status}`, async () => {
    const { body } = await app().call(`/webhooks/deliveries?request_id=${requestId}`);
    const found = (body['data'] as JsonObject[]).find((delivery) => delivery['event'] === 'request.ended');
    return found?.['status'] === status && found;
  });
}

describe('the webhook of a run', () => {
  it.each(['v1', 'v2'] as const)('that succeeds says what its result under %s says', async (version) => {
    const path = newPath();
    const deploymentId = await app().createDeployment(PICTURE);
    const body = { webhook: `${receiver().url(path)}?token=hidden`, metadata: { customer: '4711' } };
    const requestId = await app().submit(deploymentId, body, { version });
    const [call] = await receiver().untilCalled(path);
    const { instance_id: _, ...result } = (await app().result(deploymentId, requestId, { version })).body;
    expect(call?.body).toEqual({ ...result, deployment_id: deploymentId, metadata: { customer: '4711' } });
    expect(call?.body).toMatchObject({ status: 'succeeded', finished_at: expect.stringMatching(INSTANT) });
    expect(call?.headers['content-type']).toBe('application/json');
    const outputs = call?.body['outputs'] as Record<string, { images: { url: string }[] }>;
    expect((await fetch(String(outputs['2']?.images[0]?.url))).status).toBe(200);
  });

  it('is read from the query before the body', async () => {
    const path = newPath();
    const deploymentId = await app().createDeployment();
    const query = `webhook=${encodeURIComponent(receiver().url(path))}`;
    const body = { webhook: receiver().url('/not-here') };
    await app().call(`/deployments/${deploymentId}/inference?${query}`, { method: 'POST', body });
    await receiver().untilCalled(path);
    expect(receiver().callsOf('/not-here')).toEqual([]);
  });

  it('that fails carries the first error as an object and all of them as an array', async () => {
    const path = newPath();
    const deploymentId = await app().createDeployment();
    const extra_data = { emulator: { nodeError: { type: 'ValueError', message: 'no such colour' } } };
    const requestId = await app().submit(deploymentId, { extra_data, webhook: receiver().url(path) });
    const [call] = await receiver().untilCalled(path);
    const result = (await app().result(deploymentId, requestId)).body;
    expect(call?.body).toMatchObject({ status: 'failed', errors: result['error'] });
    expect(call?.body['error']).toEqual((result['error'] as JsonObject[])[0]);
    expect(Object.keys(call?.body ?? {})).not.toContain('outputs');
  });

  it.each([
    ['v1', 'canceled'],
    ['v2', 'cancelled'],
  ] as const)('that is cancelled says so in the word of %s', async (version, word) => {
    const path = newPath();
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, { ...SLOW, webhook: receiver().url(path) }, { version });
    await app().untilStatus(deploymentId, requestId, 'in_progress');
    await app().cancel(deploymentId, requestId);
    const [call] = await receiver().untilCalled(path);
    expect(call?.body).toMatchObject({ request_id: requestId, status: word });
    expect(Object.keys(call?.body ?? {})).not.toContain('error');
  });

  it.each([
    ['disabled', 10002, { method: 'PATCH', body: { is_enabled: false } }],
    ['deleted', 10003, { method: 'DELETE' }],
  ] as const)('whose deployment is %s carries %i, waiting and running alike', async (_what, code, options) => {
    const path = newPath();
    const deploymentId = await app().createDeployment();
    const body = { ...SLOW, webhook: receiver().url(path) };
    const running = await app().submit(deploymentId, body);
    await app().untilStatus(deploymentId, running, 'in_progress');
    const waiting = await app().submit(deploymentId, body);
    await app().call(`/deployments/${deploymentId}`, options);
    const calls = await receiver().untilCalled(path, 2);
    expect(new Set(calls.map((call) => call.body['request_id']))).toEqual(new Set([running, waiting]));
    for (const call of calls) expect(call.body).toMatchObject({ status: 'failed', error: { errorCode: code } });
  });

  it('that passes its deadline carries 10007', async () => {
    const path = newPath();
    const deploymentId = await app().createDeployment();
    const running = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, running, 'in_progress');
    await app().submit(deploymentId, { ...SLOW, start_within_seconds: 0.1, webhook: receiver().url(path) });
    const [call] = await receiver().untilCalled(path);
    expect(call?.body).toMatchObject({ status: 'failed', error: { errorCode: 10007 } });
  });

  it('tells intermediate states only when asked, and always before the result', async () => {
    const path = newPath();
    const deploymentId = await app().createDeployment();
    const webhook = receiver().url(path);
    const silent = await app().submit(deploymentId, { webhook });
    await deliveryOf(silent, 'delivered');
    const ids: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      ids.push(await app().submit(deploymentId, { webhook, webhook_intermediate_status: true, metadata: { n: '1' } }));
    }
    for (const id of ids) await deliveryOf(id, 'delivered');
    const calls = receiver().callsOf(path);
    const wordsOf = (id: string) => calls.filter((call) => call.body['request_id'] === id).map((c) => c.body['status']);
    expect(wordsOf(silent)).toEqual(['succeeded']);
    for (const id of ids) expect(wordsOf(id)).toEqual(['in_queue', 'in_progress', 'succeeded']);
    for (const status of ['in_queue', 'in_progress']) {
      const told = calls.find((call) => call.body['status'] === status);
      expect(Object.keys(told?.body ?? {}).sort()).toEqual(
        ['created_at', 'deployment_id', 'metadata', 'request_id', 'status'].sort(),
      );
    }
  });
});

describe('a webhook URL', () => {
  it.each([
    ['http://example.org/hook', 'query'],
    ['https://127.0.0.1/hook', 'query'],
    ['https://[::ffff:10.0.0.1]/hook', 'body'],
    ['https://169.254.169.254/latest', 'body'],
    ['https://example.org:8443/hook', 'body'],
  ])('%s is refused at the submit, in the %s', async (webhook, place) => {
    const deploymentId = await app().createDeployment();
    const query = place === 'query' ? `?webhook=${encodeURIComponent(webhook)}` : '';
    const body = place === 'query' ? {} : { webhook };
    const reply = await app().call(`/deployments/${deploymentId}/inference${query}`, { method: 'POST', body });
    expect(expectError(reply, 422001).detail).toMatchObject([{ loc: [place, 'webhook'], type: 'not_allowed' }]);
  });
});

describe('the signature', () => {
  it('is that of Standard Webhooks with the secret of the account, and with both while a rotation is young', async () => {
    const path = newPath();
    const deploymentId = await app().createDeployment();
    const send = async () => {
      const before = receiver().callsOf(path).length;
      await app().submit(deploymentId, { webhook: receiver().url(path) });
      const call = (await receiver().untilCalled(path, before + 1)).at(-1);
      if (call === undefined) throw new Error('no call came');
      return call;
    };
    const first = await send();
    const { key } = (await app().call('/webhooks/secret')).body;
    expect(key).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect((await app().call('/webhooks/secret')).body).toEqual({ key });
    expect(first.headers['webhook-signature']).toBe(expectedSignature(first, String(key)));
    expect(first.headers['webhook-id']).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(Math.abs(Number(first.headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(10);
    const rotated = (await app().call('/webhooks/secret/rotate', { method: 'POST' })).body['key'];
    expect(rotated).not.toBe(key);
    const second = await send();
    expect(second.headers['webhook-signature']?.toString().split(' ')).toEqual([
      expectedSignature(second, String(rotated)),
      expectedSignature(second, String(key)),
    ]);
  });
});

describe('deliveries', () => {
  it('are listed newest first, page by page, by request, deployment and status, without the query of their URL', async () => {
    const path = newPath();
    const deploymentId = await app().createDeployment();
    const webhook = `${receiver().url(path)}?token=hidden`;
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      ids.push(await app().submit(deploymentId, { webhook }));
      await deliveryOf(ids[count] ?? '', 'delivered');
    }
    const seen: unknown[] = [];
    let cursor: unknown = '';
    for (let page = 0; page < 3; page += 1) {
      const query = `deployment_id=${deploymentId}&status=delivered&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const { body } = await app().call(`/webhooks/deliveries?${query}`);
      seen.push(...(body['data'] as JsonObject[]).map((delivery) => delivery['request_id']));
      cursor = body['next_cursor'];
    }
    expect(cursor).toBeUndefined();
    expect(seen).toEqual([...ids].reverse());
    const { text } = await app().call(`/webhooks/deliveries?deployment_id=${deploymentId}`);
    expect(text).not.toContain('hidden');
    expect(text).toContain(`"url":"${receiver().url(path)}"`);
    expect((await app().call(`/webhooks/deliveries?deployment_id=${deploymentId}&status=failed`)).body).toEqual({
      data: [],
    });
    expect((await app().call('/webhooks/deliveries?request_id=nothing')).body).toEqual({ data: [] });
    expectError(await app().call('/webhooks/deliveries?status=lost'), 422001);
    expectError(await app().call('/webhooks/deliveries?cursor=x'), 422001);
  });

  it('show their tries, and go out again with the same id when they are replayed', async () => {
    const path = newPath();
    receiver().answer(path, (response) => response.end('thank you'));
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, { webhook: receiver().url(path) });
    const { id } = await deliveryOf(requestId, 'delivered');
    const replayed = await app().call(`/webhooks/deliveries/${id}/replay`, { method: 'POST' });
    expect([replayed.status, replayed.body]).toMatchObject([202, { id, status: 'pending', attempts: 1 }]);
    const [first, second] = await receiver().untilCalled(path, 2);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.text).toBe(first?.text);
    await deliveryOf(requestId, 'delivered');
    expect((await app().call(`/webhooks/deliveries/${id}`)).body).toMatchObject({
      attempts: 2,
      last_status: 200,
      delivered_at: expect.stringMatching(INSTANT),
      tries: [
        { number: 1, status: 200, reply: 'thank you', ms: expect.any(Number) },
        { number: 2, status: 200, started_at: expect.stringMatching(INSTANT) },
      ],
    });
    const detail = (await app().call(`/deployments/${deploymentId}/requests/${requestId}`)).body;
    expect(detail['deliveries']).toEqual([
      { id, attempts: 2, last_status: 200, delivered_at: expect.stringMatching(INSTANT) },
    ]);
  });

  it('are their account’s alone', async () => {
    const path = newPath();
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, { webhook: receiver().url(path) });
    const { id } = await deliveryOf(requestId, 'delivered');
    const token = await app().addAccount();
    expectError(await app().call(`/webhooks/deliveries/${id}`, { token }), 403003);
    expectError(await app().call(`/webhooks/deliveries/${id}/replay`, { token, method: 'POST' }), 403003);
    expect((await app().call(`/webhooks/deliveries?request_id=${requestId}`, { token })).body).toEqual({ data: [] });
    expectError(await app().call('/webhooks/deliveries/00000000-0000-7000-8000-000000000000'), 404001);
    expectError(await app().call('/webhooks/deliveries/x/replay', { method: 'POST' }), 404001);
    const other = (await app().call('/webhooks/secret', { token })).body['key'];
    expect(other).not.toBe((await app().call('/webhooks/secret')).body['key']);
    expect(receiver().callsOf(path)).toHaveLength(1);
  });
});
