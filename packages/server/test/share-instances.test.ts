// share_instances of a deployment: set, edited, shown to those who ask for it; those that are alike run on the same instances.
// routes: createDeployment, changeDeployment, getDeployment, listDeployments
import type { JsonObject } from '@comfleet/comfyui';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createStaticProvider } from '../src/instances/providers/static.ts';
import { PICTURE } from '../testing/caller.ts';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { createEmulatorProvider, type EmulatorProvider, SCALED_SKU } from '../testing/emulator-provider.ts';

let app: TestApp;
let provider: EmulatorProvider;

beforeAll(async () => {
  provider = createEmulatorProvider();
  app = await createTestApp({
    configFile: { hardware: [SCALED_SKU] },
    overrides: { providers: ({ db, newId }) => [createStaticProvider({ db, newId, urls: [] }), provider] },
  });
});
afterAll(async () => await app.stop());

async function deploy(fields: JsonObject = {}, environment?: JsonObject): Promise<JsonObject> {
  const object_info = JSON.parse(await (await fetch(`${app.emulatorUrl}/object_info`)).text());
  const more = environment === undefined ? {} : { environment };
  const { workflowId, version } = await app.saveWorkflow(PICTURE, { object_info, ...more });
  const names = { name: 'alike', workflow_id: workflowId, workflow_version: version, hardware: ['SCALED'] };
  const reply = await app.call('/deployments', { method: 'POST', body: { ...names, ...fields } });
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}

async function run(deployment: JsonObject): Promise<unknown> {
  const id = String(deployment['id']);
  const requestId = await app.submit(id);
  expect(await app.untilEnded(id, requestId)).toMatchObject({ status: 'succeeded' });
  return (await app.call(`/deployments/${id}/requests/${requestId}/status`)).body['instance_id'];
}

it('is told only to those who ask, so that strict clients decode the record', async () => {
  const made = await deploy({ share_instances: true });
  expect(made).not.toHaveProperty('share_instances');
  const path = `/deployments/${String(made['id'])}`;
  expect((await app.call(path)).body).not.toHaveProperty('share_instances');
  expect((await app.call(`${path}?includes=share_instances`)).body).toMatchObject({ share_instances: true });
  await app.call(path, { method: 'PATCH', body: { name: 'renamed' } });
  expect((await app.call(`${path}?includes=share_instances`)).body).toMatchObject({ share_instances: true });
  await app.call(path, { method: 'PATCH', body: { share_instances: false } });
  expect((await app.call(`${path}?includes=share_instances`)).body).toMatchObject({ share_instances: false });
  const refused = await app.call(path, { method: 'PATCH', body: { share_instances: 'yes' } });
  expect(refused.status).toBe(422);
  expect(refused.text).toContain('share_instances');
});

it('runs deployments that are alike on the same instance, and no others', async () => {
  const [one, two] = [await deploy({ share_instances: true }), await deploy({ share_instances: true })];
  const instance = await run(one);
  expect(await run(two)).toBe(instance);
  const alone = await run(await deploy());
  const otherwiseMade = await run(await deploy({ share_instances: true }, { image: 'other' }));
  expect(new Set([instance, alone, otherwiseMade]).size).toBe(3);
  expect(provider.alive.size).toBe(3);
});
