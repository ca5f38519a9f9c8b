// Cancelling in each state: before dispatch it never runs, running it is interrupted, ended it stays ended.
// routes: cancelRequest
import type { JsonObject } from '@comfleet/comfyui';
import { afterEach, describe, expect, it } from 'vitest';
import { PHOTO } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { useFileServer } from '../testing/file-server.ts';
import { until } from '../testing/until.ts';

// Never answers: a request whose media does not come.
const stuck = useFileServer(() => undefined);
const app = useTestApp(() => ({ env: { COMFLEET_ALLOW_PRIVATE_HOSTS: stuck().host } }));
const SLOW: JsonObject = { extra_data: { emulator: { serviceMs: 60_000 } } };
const VERSIONS = [
  ['v1', 'canceled'],
  ['v2', 'cancelled'],
] as const;

afterEach(() => app().cancelAll());

const requested = (version: 'v1' | 'v2', requestId: string) => ({
  request_id: requestId,
  status: 'cancellation_requested',
  ...(version === 'v1' ? {} : { outcome: 'cancellation_requested' }),
});

describe.each(VERSIONS)('under %s, a cancel', (version, word) => {
  it('of a running request interrupts it on its instance', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, requestId, 'in_progress');
    await until('its run', () => app().emulator.executions().at(-1)?.outcome === 'running');
    const reply = await app().cancel(deploymentId, requestId, { version });
    expect([reply.status, reply.body]).toEqual([202, requested(version, requestId)]);
    const result = await app().untilEnded(deploymentId, requestId, { version });
    expect(result).toMatchObject({ status: word, instance_id: expect.any(String) });
    expect(Object.keys(result)).not.toContain('error');
    expect(app().emulator.executions().at(-1)).toMatchObject({ outcome: 'interrupted' });
  });

  it('of a waiting request means that it never runs', async () => {
    const deploymentId = await app().createDeployment();
    const running = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, running, 'in_progress');
    const ran = app().emulator.executions().length;
    const waiting: string[] = [];
    // Some wait in the service, some are leased already, one may wait inside the instance.
    for (let count = 0; count < 12; count += 1) waiting.push(await app().submit(deploymentId));
    for (const id of waiting) {
      const reply = await app().cancel(deploymentId, id, { version });
      expect([reply.status, reply.body]).toEqual([202, requested(version, id)]);
    }
    for (const id of waiting) {
      const result = await app().untilEnded(deploymentId, id, { version });
      expect(result).toMatchObject({ status: word });
      expect(Object.keys(result)).not.toContain('instance_id');
    }
    await app().cancel(deploymentId, running);
    await app().untilEnded(deploymentId, running);
    expect(await app().run(deploymentId)).toMatchObject({ status: 'succeeded' });
    expect(app().emulator.executions().length - ran).toBeLessThanOrEqual(2);
  });

  it('of a request whose media is still on its way ends it at once', async () => {
    const deploymentId = await app().createDeployment(PHOTO);
    const before = stuck().asked.length;
    const requestId = await app().submit(deploymentId, {
      overrides: { '1': { inputs: { image: `${stuck().url}/x` } } },
    });
    await until('the fetch', () => stuck().asked.length > before);
    expect((await app().cancel(deploymentId, requestId, { version })).status).toBe(202);
    expect(await app().untilEnded(deploymentId, requestId, { version })).toMatchObject({ status: word });
  });

  it('of an ended request says that it is not cancellable, and changes nothing', async () => {
    const deploymentId = await app().createDeployment();
    const bodies: [JsonObject, string][] = [
      [{}, 'completed'],
      [{ extra_data: { emulator: { nodeError: true } } }, 'completed'],
    ];
    for (const [body, status] of bodies) {
      const requestId = await app().submit(deploymentId, body);
      const result = await app().untilEnded(deploymentId, requestId, { version });
      const reply = await app().cancel(deploymentId, requestId, { version });
      const expected =
        version === 'v1'
          ? { request_id: requestId, status: 'not_cancellable' }
          : { request_id: requestId, status, outcome: 'not_cancellable' };
      expect([reply.status, reply.body]).toEqual([200, expected]);
      expect((await app().result(deploymentId, requestId, { version })).body).toEqual(result);
    }
  });

  it('may be repeated', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, requestId, 'in_progress');
    const replies = await Promise.all([1, 2, 3].map(() => app().cancel(deploymentId, requestId, { version })));
    for (const reply of replies) expect([200, 202]).toContain(reply.status);
    await app().untilEnded(deploymentId, requestId, { version });
    const reply = await app().cancel(deploymentId, requestId, { version });
    expect(reply.status).toBe(200);
    if (version === 'v2') expect(reply.body).toMatchObject({ status: word, outcome: 'not_cancellable' });
  });

  it('takes an empty body, and one with anything in it', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId);
    await app().untilEnded(deploymentId, requestId);
    for (const body of ['', '{}', '{"reason":"changed my mind"}', 'not json'])
      expect((await app().cancel(deploymentId, requestId, { version, body })).status).toBe(200);
  });
});
