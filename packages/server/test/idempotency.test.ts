// Idempotency-Key and Prefer: wait, the two headers of a submit.
// routes: submitRequest
import type { JsonObject } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, INSTANT } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

const app = useTestApp();

describe('an Idempotency-Key', () => {
  const post = (deploymentId: string, body: object | string, headers: Record<string, string>, query = '') =>
    app().call(`/deployments/${deploymentId}/inference${query}`, { method: 'POST', body: body as string, headers });

  it('gives the first answer again for the same body, with the header that says so', async () => {
    const deploymentId = await app().createDeployment();
    const headers = { 'idempotency-key': 'order 4711 / e' };
    const before = app().emulator.executions().length;
    const first = await post(deploymentId, {}, headers);
    expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([200, null]);
    await app().untilEnded(deploymentId, String(first.body['request_id']));
    const second = await post(deploymentId, {}, headers);
    expect(second.body).toEqual(first.body);
    expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(app().emulator.executions()).toHaveLength(before + 1);
  });

  it('is a conflict (409001) with another body, deployment or webhook', async () => {
    const [deploymentId, other] = [await app().createDeployment(), await app().createDeployment()];
    const headers = { 'idempotency-key': 'once' };
    expect((await post(deploymentId, {}, headers)).status).toBe(200);
    expectError(await post(deploymentId, { metadata: { a: 'b' } }, headers), 409001);
    expectError(await post(other, {}, headers), 409001);
    expectError(await post(deploymentId, {}, headers, '?webhook=https://example.org/h'), 409001);
  });

  it("is the account's own: another account may use the same one", async () => {
    const deploymentId = await app().createDeployment();
    await post(deploymentId, {}, { 'idempotency-key': 'app' });
    const token = await app().addAccount();
    const reply = await app().call(`/deployments/${deploymentId}/inference`, {
      method: 'POST',
      body: {},
      token,
      headers: { 'idempotency-key': 'app' },
    });
    expectError(reply, 403003);
  });

  it('runs once when many submits with it come at the same time', async () => {
    const deploymentId = await app().createDeployment();
    const headers = { 'idempotency-key': 'all at once' };
    const replies = await Promise.all(Array.from({ length: 12 }, () => post(deploymentId, {}, headers)));
    expect(replies.map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect(new Set(replies.map(({ body }) => body['request_id'])).size).toBe(1);
    expect(replies.filter(({ headers: h }) => h.get('idempotent-replayed') === 'true')).toHaveLength(11);
    const rows = await app().db.query({
      text: 'select id from requests where deployment_id = $1',
      values: [deploymentId],
    });
    expect(rows).toHaveLength(1);
  });

  it('that came with a refused body may be used again', async () => {
    const deploymentId = await app().createDeployment();
    const headers = { 'idempotency-key': 'second try' };
    expectError(await post(deploymentId, { priority: 'x' }, headers), 422001);
    expect((await post(deploymentId, {}, headers)).status).toBe(200);
  });

  it('may be used for another body after 24 hours', async () => {
    const deploymentId = await app().createDeployment();
    const headers = { 'idempotency-key': 'old' };
    const first = await post(deploymentId, {}, headers);
    await app().db.query({
      text: "update idempotency_keys set created_at = created_at - interval '25 hours' where key = $1",
      values: ['old'],
    });
    const second = await post(deploymentId, { metadata: { a: 'b' } }, headers);
    expect(second.status).toBe(200);
    expect(second.body['request_id']).not.toBe(first.body['request_id']);
  });

  it.each(['', 'x'.repeat(256)])('must have 1 to 255 characters', async (key) => {
    const deploymentId = await app().createDeployment();
    const { detail } = expectError(await post(deploymentId, {}, { 'idempotency-key': key }), 422001);
    expect(detail).toMatchObject([{ loc: ['header', 'idempotency-key'], type: 'invalid_header' }]);
    expect((await post(deploymentId, {}, { 'idempotency-key': deploymentId.padEnd(255, 'y') })).status).toBe(200);
  });
});

describe('Prefer: wait', () => {
  const post = (deploymentId: string, body: object, prefer: string) =>
    app().call(`/deployments/${deploymentId}/inference`, {
      method: 'POST',
      body: body as JsonObject,
      headers: { prefer },
    });

  it('brings the result together with the four keys when the run ends in time', async () => {
    const deploymentId = await app().createDeployment();
    const reply = await post(deploymentId, {}, 'respond-async, wait=30');
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body).sort()).toEqual([
      'cancel_url',
      'created_at',
      'finished_at',
      'instance_id',
      'outputs',
      'request_id',
      'result_url',
      'status',
      'status_url',
    ]);
    expect(reply.body).toMatchObject({ status: 'succeeded', finished_at: expect.stringMatching(INSTANT) });
  });

  it('brings a failure as well', async () => {
    const deploymentId = await app().createDeployment();
    const reply = await post(deploymentId, { extra_data: { emulator: { nodeError: true } } }, 'wait=30');
    expect(reply.body).toMatchObject({ status: 'failed', error: [{ errorCode: 10011 }] });
  });

  it('gives the four keys when its deployment is deleted meanwhile', async () => {
    const deploymentId = await app().createDeployment();
    const waiting = post(deploymentId, { extra_data: { emulator: { serviceMs: 60_000 } } }, 'wait=30');
    await until('it was accepted', async () => {
      const { data } = (await app().call(`/deployments/${deploymentId}/requests`)).body as unknown as {
        data: object[];
      };
      return data.length === 1;
    });
    await app().call(`/deployments/${deploymentId}`, { method: 'DELETE' });
    const reply = await waiting;
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body).sort()).toEqual(['cancel_url', 'request_id', 'result_url', 'status_url']);
  });

  it.each(['wait=0', 'wait=1', 'wait=soon', 'wait=-5', 'return=minimal'])(
    'of %s gives the four keys alone while the run goes on',
    async (prefer) => {
      const deploymentId = await app().createDeployment();
      const reply = await post(deploymentId, { extra_data: { emulator: { serviceMs: 60_000 } } }, prefer);
      expect(Object.keys(reply.body).sort()).toEqual(['cancel_url', 'request_id', 'result_url', 'status_url']);
      await app().cancel(deploymentId, String(reply.body['request_id']));
    },
  );
});
