// While the database is away: nothing is accepted and nothing is lost (code 503001); polls of what runs go on.
// routes: getReadiness, getRequestStatus
import { describe, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';
import { useDatabaseDoor } from '../testing/database-door.ts';
import { expectError } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

const door = useDatabaseDoor();
const app = useTestApp({ reachThrough: door.through });

const untilReady = () => until('readiness', async () => (await app().call('//readyz', { token: null })).status === 200);

describe('while the database cannot be reached', () => {
  it('a submit gets 503001 with Retry-After, and leaves no request behind', async () => {
    const deploymentId = await app().createDeployment();
    await app().run(deploymentId);
    await door.shut();
    const path = `/deployments/${deploymentId}/inference`;
    const reply = await app().call(path, { method: 'POST', body: {} });
    expect(expectError(reply, 503001).message).toContain('nothing was accepted');
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    expectError(await app().call('//readyz', { token: null }), 503001);
    expect((await app().call('//healthz', { token: null })).status).toBe(200);
    await door.open();
    await untilReady();
    const rows = await app().db.query({
      text: 'select id from requests where deployment_id = $1',
      values: [deploymentId],
    });
    expect(rows).toHaveLength(1);
    expect(await app().run(deploymentId)).toMatchObject({ status: 'succeeded' });
  });

  it('other calls get 503001 too, and unknown tokens are not let in', async () => {
    const deploymentId = await app().createDeployment();
    const ended = await app().submit(deploymentId);
    await app().untilEnded(deploymentId, ended);
    await door.shut();
    for (const [method, path] of [
      ['GET', '/deployments'],
      ['POST', '/workflows'],
      ['GET', '/workflows'],
      ['DELETE', `/deployments/${deploymentId}`],
    ] as const) {
      const body = method === 'POST' ? { body: { name: 'w' } } : {};
      expectError(await app().call(path, { method, ...body }), 503001);
    }
    expectError(await app().call('/deployments', { token: 'never-seen-before-token' }), 503001);
    await door.open();
    await untilReady();
    expect((await app().call(`/deployments/${deploymentId}`)).status).toBe(200);
  });

  it('a running request is polled as before, and its result is there when the database is back', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, { extra_data: { emulator: { serviceMs: 300 } } });
    await app().untilStatus(deploymentId, requestId, 'in_progress');
    await door.shut();
    for (let count = 0; count < 5; count += 1) {
      const reply = await app().status(deploymentId, requestId);
      expect([reply.status, reply.body['status']]).toEqual([200, 'in_progress']);
      expect((await app().result(deploymentId, requestId)).status).toBe(200);
    }
    await until('the end of its run', () => app().emulator.executions().at(-1)?.outcome === 'success');
    expect((await app().status(deploymentId, requestId)).body).toMatchObject({ status: 'in_progress' });
    await door.open();
    expect(await app().untilEnded(deploymentId, requestId)).toMatchObject({ status: 'succeeded' });
  });

  it('a run whose connection breaks in every step is neither lost nor run twice', async () => {
    const deploymentId = await app().createDeployment();
    const before = app().emulator.executions().length;
    const accepted: string[] = [];
    for (let count = 0; count < 6; count += 1) {
      const submits = Array.from({ length: 4 }, () =>
        app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body: {} }),
      );
      await door.shut();
      await door.open();
      for (const reply of await Promise.all(submits)) {
        if (reply.status === 200) accepted.push(String(reply.body['request_id']));
        else expectError(reply, 503001);
      }
    }
    for (const id of accepted) expect(await app().untilEnded(deploymentId, id)).toMatchObject({ status: 'succeeded' });
    expect(app().emulator.executions().length - before).toBe(accepted.length);
  });
});
