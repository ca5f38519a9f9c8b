// Who may use what, and what a deployment's state means for its requests (codes 403003, 409001, 429001, 10002, 10003, 10013).
// routes: listDeployments, getDeployment, changeDeployment, deleteDeployment
import { describe, expect, it } from 'vitest';
import { PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, expectFailed } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

const SLOW = { extra_data: { emulator: { serviceMs: 60_000 } } };

const shared = useTestApp();

describe("another account's things", () => {
  it('are answered with 403003, and nothing about them is told', async () => {
    const { workflowId } = await shared().saveWorkflow(PICTURE);
    const deploymentId = await shared().createDeployment();
    const requestId = await shared().submit(deploymentId);
    await shared().untilEnded(deploymentId, requestId);
    const token = await shared().addAccount();
    const at = `/deployments/${deploymentId}`;
    const calls: [string, string][] = [
      ['GET', at],
      ['PATCH', at],
      ['DELETE', at],
      ['POST', `${at}/inference`],
      ['GET', `${at}/requests/${requestId}/status`],
      ['GET', `${at}/requests/${requestId}/result`],
      ['POST', `${at}/requests/${requestId}/cancel`],
      ['GET', `/workflows/${workflowId}`],
      ['DELETE', `/workflows/${workflowId}`],
      ['GET', `/workflows/${workflowId}/versions`],
      ['POST', `/workflows/${workflowId}/versions`],
      ['GET', `/workflows/${workflowId}/versions/v1`],
      ['DELETE', `/workflows/${workflowId}/versions/v1`],
    ];
    for (const [method, path] of calls) {
      const body = method === 'POST' || method === 'PATCH' ? { body: {} } : {};
      const reply = await shared().call(path, { method, token, ...body });
      expect(expectError(reply, 403003).message, `${method} ${path}`).toContain('does not own');
      expect(reply.text).not.toContain('a deployment');
    }
    expect((await shared().call(at)).body).toMatchObject({ name: 'a deployment', is_enabled: true });
  });

  it('are in no list, and cannot be deployed', async () => {
    const { workflowId } = await shared().saveWorkflow(PICTURE);
    const deploymentId = await shared().createDeployment();
    const token = await shared().addAccount();
    expect((await shared().call('/deployments', { token })).body).toEqual([]);
    expect((await shared().call(`/deployments?ids=${deploymentId}`, { token })).body).toEqual([]);
    expect((await shared().call('/workflows', { token })).body).toEqual({ data: [] });
    const body = { name: 'mine', workflow_id: workflowId, workflow_version: 'v1' };
    expectError(await shared().call('/deployments', { method: 'POST', token, body }), 403003);
  });

  it('stay closed after they were deleted', async () => {
    const deploymentId = await shared().createDeployment();
    await shared().call(`/deployments/${deploymentId}`, { method: 'DELETE' });
    const token = await shared().addAccount();
    expectError(await shared().call(`/deployments/${deploymentId}`, { token }), 403003);
  });
});

describe('a deployment that was disabled', () => {
  it('refuses submits with 10002, ends what it had with 10002 in the result, and runs again once enabled', async () => {
    const deploymentId = await shared().createDeployment();
    const running = await shared().submit(deploymentId, SLOW);
    await shared().untilStatus(deploymentId, running, 'in_progress');
    const [waiting, behind] = [await shared().submit(deploymentId), await shared().submit(deploymentId)];
    const path = `/deployments/${deploymentId}`;
    const disabled = await shared().call(path, { method: 'PATCH', body: { is_enabled: false } });
    expect(disabled.body).toMatchObject({ is_enabled: false, status: 'disabled' });
    const refused = await shared().call(`${path}/inference`, { method: 'POST', body: {} });
    expect(expectError(refused, 10002).message).toContain('"is_enabled": true');
    for (const requestId of [running, waiting, behind]) {
      const result = await shared().untilEnded(deploymentId, requestId);
      expect(expectFailed(result, 10002).details).toContain('was disabled');
      expect((await shared().status(deploymentId, requestId)).body).toMatchObject({ status: 'completed' });
    }
    expect(shared().emulator.executions().at(-1)).toMatchObject({ outcome: 'interrupted' });
    await shared().call(path, { method: 'PATCH', body: { is_enabled: true } });
    expect(await shared().run(deploymentId)).toMatchObject({ status: 'succeeded' });
  });

  it('refuses even a body that is not valid with 10002', async () => {
    const deploymentId = await shared().createDeployment();
    await shared().call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: false } });
    const body = { overrides: { '99': { inputs: {} } } };
    expectError(await shared().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body }), 10002);
  });
});

describe('a deployment that was deleted', () => {
  it('answers everything below it, polls included, with 10003, and ends what it had', async () => {
    const deploymentId = await shared().createDeployment();
    const done = await shared().submit(deploymentId);
    await shared().untilEnded(deploymentId, done);
    const running = await shared().submit(deploymentId, SLOW);
    await shared().untilStatus(deploymentId, running, 'in_progress');
    const waiting = await shared().submit(deploymentId);
    const path = `/deployments/${deploymentId}`;
    const deleted = await shared().call(path, { method: 'DELETE' });
    expect([deleted.status, deleted.body]).toEqual([200, { id: deploymentId, deleted: true }]);
    for (const reply of [
      await shared().call(path),
      await shared().call(path, { method: 'PATCH', body: {} }),
      await shared().call(path, { method: 'DELETE' }),
      await shared().call(`${path}/inference`, { method: 'POST', body: {} }),
      await shared().status(deploymentId, running),
      await shared().result(deploymentId, done),
      await shared().cancel(deploymentId, waiting),
    ]) {
      expect(expectError(reply, 10003).message).toMatch(/was deleted at \d{4}-/);
    }
    const ended = await untilAllEnded(deploymentId);
    expect(ended.map(({ id, state }) => [id, state])).toEqual([
      [done, 'succeeded'],
      [running, 'failed'],
      [waiting, 'failed'],
    ]);
    for (const { error } of ended.slice(1)) expect(JSON.parse(error ?? '[]')).toMatchObject([{ errorCode: 10003 }]);
    expect((await shared().call('/deployments')).text).not.toContain(deploymentId);
  });

  async function untilAllEnded(deploymentId: string) {
    return await until('the end of all requests', async () => {
      const rows = await shared().db.query<{ id: string; state: string; error: string | null }>({
        text: 'select id, state, error from requests where deployment_id = $1 order by seq',
        values: [deploymentId],
      });
      return rows.every(({ state }) => state === 'succeeded' || state === 'failed') && rows;
    });
  }
});

describe('a version without a graph', () => {
  it('answers 10013 until the body brings a graph', async () => {
    const deploymentId = await shared().createDeployment({});
    const path = `/deployments/${deploymentId}/inference`;
    for (const body of [{}, { workflow_api_json: {} }, { workflow_api_json: null }, { metadata: { a: 'b' } }]) {
      const { message } = expectError(await shared().call(path, { method: 'POST', body }), 10013);
      expect(message).toContain('v1');
    }
    expect(await shared().run(deploymentId, { workflow_api_json: PICTURE })).toMatchObject({ status: 'succeeded' });
  });
});

describe('a version or workflow in use', () => {
  it('is not deleted (409001) before its deployments are', async () => {
    const { workflowId, version } = await shared().saveWorkflow(PICTURE);
    const fields = { name: 'd', workflow_id: workflowId, workflow_version: version };
    const { body } = await shared().call('/deployments', { method: 'POST', body: fields });
    const paths = [`/workflows/${workflowId}/versions/${version}`, `/workflows/${workflowId}`];
    for (const path of paths) {
      const { message } = expectError(await shared().call(path, { method: 'DELETE' }), 409001);
      expect(message).toContain(String(body['id']));
    }
    await shared().call(`/deployments/${body['id']}`, { method: 'DELETE' });
    for (const path of paths) expect((await shared().call(path, { method: 'DELETE' })).status).toBe(200);
    expectError(await shared().call(paths[0] ?? ''), 404001);
  });
});

describe('a full queue', () => {
  const app = useTestApp({ env: { COMFLEET_QUEUE_LIMIT: '2' } });

  it('refuses with 429001 and Retry-After, for its own deployment only', async () => {
    const [full, other] = [await app().createDeployment(), await app().createDeployment()];
    const first = await app().submit(full, SLOW);
    await app().submit(full, SLOW);
    const reply = await app().call(`/deployments/${full}/inference`, { method: 'POST', body: {} });
    expect(expectError(reply, 429001).message).toContain('2 unfinished requests');
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    await app().submit(other);
    await app().cancel(full, first);
    await app().untilEnded(full, first);
    await app().submit(full);
  });
});
