// A deployment's instances over HTTP: what is told of them, to whom, and what can be asked of fixed ones.
// routes: listInstances, getInstance, warmUpInstances, removeInstance
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallOptions, PICTURE } from '../testing/caller.ts';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { expectError, INSTANT } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

describe('the instances of a deployment', () => {
  let app: TestApp;
  let deployment: string;
  let otherToken: string;
  let otherDeployment: string;

  beforeAll(async () => {
    app = await createTestApp();
    deployment = await app.createDeployment();
    otherToken = await app.addAccount();
    otherDeployment = await deploymentOf(otherToken);
  });
  afterAll(async () => await app.stop());

  async function deploymentOf(token: string): Promise<string> {
    const post = async (path: string, body: CallOptions['body']) =>
      (await app.call(path, { method: 'POST', token, ...(body === undefined ? {} : { body }) })).body;
    const workflow = await post('/workflows', { name: 'theirs' });
    const version = await post(`/workflows/${workflow['id']}/versions`, { workflow_api_json: PICTURE });
    const fields = { name: 'theirs', workflow_id: workflow['id'] ?? '', workflow_version: version['version'] ?? '' };
    return String((await post('/deployments', fields))['id']);
  }

  async function list(id = deployment, token = app.token) {
    const reply = await app.call(`/deployments/${id}/instances`, { token });
    expect(reply.status, reply.text).toBe(200);
    return reply.body['data'] as unknown as Record<string, unknown>[];
  }

  it('are listed with what they are and do', async () => {
    expect(await list()).toEqual([
      {
        id: expect.any(String),
        phase: 'ready',
        since: expect.stringMatching(INSTANT),
        provider: 'static',
        hardware: expect.any(String),
        loaded_models: [],
        timeline: ['starting', 'ready', 'idle'].map((phase) => expect.objectContaining({ phase })),
        durations: {
          set_up_seconds: expect.any(Number),
          running_seconds: expect.any(Number),
          idle_seconds: expect.any(Number),
        },
      },
    ]);
  });

  it('name the request that runs there to its own account alone', async () => {
    app.emulator.faults.merge({ serviceMs: 60_000 });
    const requestId = await app.submit(deployment);
    const busy = await until('the running request', async () => {
      const [instance] = await list();
      return instance?.['current_request_id'] === requestId && instance;
    });
    expect(busy['phase']).toBe('busy');
    const [theirs] = await list(otherDeployment, otherToken);
    expect(theirs).not.toHaveProperty('current_request_id');
    expect(theirs).not.toHaveProperty('timeline');
    const one = await app.call(`/deployments/${deployment}/instances/${busy['id']}`);
    expect(one.body).toMatchObject({ id: busy['id'], current_request_id: requestId });
    expect(one.body['timeline']).toContainEqual(expect.objectContaining({ phase: 'busy', at: one.body['since'] }));
    app.emulator.faults.clear();
    await app.cancelAll();
  });

  it('warm up: fixed ones are there already', async () => {
    const post = (body: CallOptions['body'], id = deployment) =>
      app.call(`/deployments/${id}/instances`, { method: 'POST', ...(body === undefined ? {} : { body }) });
    const reply = await post({ count: 2 });
    const [instance] = await list();
    expect([reply.status, reply.body]).toMatchObject([202, { data: [{ id: instance?.['id'], phase: 'ready' }] }]);
    expect((await post({})).status).toBe(202);
    expectError(await post({ count: 0 }), 422001);
    expectError(await post({}, otherDeployment), 403003);
  });

  it('of a fixed URL cannot be removed; an unknown one is not there', async () => {
    const [instance] = await list();
    const remove = (id: unknown) => app.call(`/deployments/${deployment}/instances/${id}`, { method: 'DELETE' });
    expectError(await remove(instance?.['id']), 409001);
    expectError(await remove('00000000-0000-7000-8000-000000000000'), 404001);
    expect(await list()).toHaveLength(1);
  });

  it('that went away are starting again, with a reason, and the proxy says 503', async () => {
    const [instance] = await list();
    await app.stopEmulator();
    const lost = await until('the loss', async () => {
      const [now] = await list();
      return now?.['phase'] === 'starting' && now;
    });
    expect(lost['reason']).toEqual(expect.any(String));
    expect((await list(otherDeployment, otherToken))[0]?.['reason']).not.toMatch(/127\.0\.0\.1/);
    const reply = await app.call(`/deployments/${deployment}/instances/${instance?.['id']}/proxy/models`);
    expectError(reply, 10007);
    expect(reply.headers.get('retry-after')).toBe('2');
    await app.startEmulator();
  });
});
