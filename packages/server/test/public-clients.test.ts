// Habits of public programs that were written for the original API, which no other test holds.
// routes: submitRequest, cancelRequest, changeDeployment, createDeployment, getDeployment
import { describe, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';

const app = useTestApp();

describe('a submit', () => {
  it.each(['application/x-www-form-urlencoded', 'text/plain', 'application/vnd.api+json', 'multipart/form-data', 'x'])(
    'is read as JSON although it is called %s',
    async (type) => {
      const deploymentId = await app().createDeployment();
      const call = { method: 'POST', headers: { 'content-type': type } };
      const path = `/deployments/${deploymentId}/inference`;
      expect((await app().call(path, { ...call, body: '{"overrides":{}}' })).status).toBe(200);
      expect((await app().call(path, { ...call, body: '' })).status).toBe(200);
      const refused = await app().call(path, { ...call, body: '{"overrides":{"999":{"inputs":{}}}}' });
      expect(refused.body).toMatchObject({ error_code: 422001, detail: [{ loc: ['body', 'overrides', '999'] }] });
    },
  );

  it('on one version may be followed on the other, each in its own words', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, {}, { version: 'v2' });
    await app().untilEnded(deploymentId, requestId, { version: 'v1' });
    const [v1, v2] = [
      await app().cancel(deploymentId, requestId, { version: 'v1' }),
      await app().cancel(deploymentId, requestId, { version: 'v2' }),
    ];
    expect(v1.body).toEqual({ request_id: requestId, status: 'not_cancellable' });
    expect(v2.body).toEqual({ request_id: requestId, status: 'completed', outcome: 'not_cancellable' });
    expect((await app().status(deploymentId, requestId, { version: 'v1' })).body['status_url']).toContain('/prod/v1/');
  });
});

describe('a deployment', () => {
  it('is edited with its name, and without', async () => {
    const deploymentId = await app().createDeployment();
    const patch = (body: { name?: string; max_instances: number }) =>
      app().call(`/deployments/${deploymentId}`, { method: 'PATCH', version: 'v2', body });
    const { name } = (await app().call(`/deployments/${deploymentId}`)).body;
    expect((await patch({ name: String(name), max_instances: 3 })).body).toMatchObject({ name, max_instances: 3 });
    expect((await patch({ max_instances: 2 })).body).toMatchObject({ name, max_instances: 2 });
  });

  it('takes the seven SKUs of the original, each as an array or alone', async () => {
    const skus = ['TURING_16', 'AMPERE_24', 'AMPERE_48', 'ADA_48_PLUS', 'AMPERE_80', 'ADA_80_PLUS', 'HOPPER_141'];
    const { workflowId, version } = await app().saveWorkflow({
      '1': { class_type: 'PreviewAny', inputs: { source: 1 } },
    });
    for (const sku of skus) {
      for (const hardware of [sku, [sku]]) {
        const body = { name: sku, workflow_id: workflowId, workflow_version: version, hardware };
        const made = await app().call('/deployments', { method: 'POST', version: 'v2', body });
        expect(made.body).toMatchObject({ hardware: [sku] });
      }
    }
  });
});
