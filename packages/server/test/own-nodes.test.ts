// Hardware whose instances have nodes that the service's own back end lacks, as any real ComfyUI has: its graphs are judged by
// its own instances, and by nobody else's.
// routes: saveVersion, preflightDeployment
import type { JsonObject, ObjectInfo } from '@comfleet/comfyui';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createStaticProvider } from '../src/instances/providers/static.ts';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { createEmulatorProvider, type EmulatorProvider, SCALED_SKU } from '../testing/emulator-provider.ts';
import { expectError } from '../testing/expect-error.ts';
import { type FakeInstance, startFakeInstance } from '../testing/fake-instance.ts';
import { until } from '../testing/until.ts';

const OWN: ObjectInfo = {
  OwnShow: { input: { required: {} }, output: [], output_node: true },
} as unknown as ObjectInfo;
const GRAPH = { '1': { class_type: 'OwnShow', inputs: {} } };

let app: TestApp;
let provider: EmulatorProvider;
let everybodys: FakeInstance;

beforeAll(async () => {
  everybodys = await startFakeInstance({});
  provider = createEmulatorProvider({ extraObjectInfo: OWN });
  app = await createTestApp({
    configFile: { hardware: [SCALED_SKU] },
    overrides: {
      providers: ({ db, newId }) => [createStaticProvider({ db, newId, urls: [everybodys.url] }), provider],
    },
  });
});
afterAll(async () => {
  await app.stop();
  await everybodys.stop();
});

async function deploy(saved: { workflowId: string; version: string }, hardware: string): Promise<string> {
  const names = { name: hardware, workflow_id: saved.workflowId, workflow_version: saved.version };
  const reply = await app.call('/deployments', { method: 'POST', body: { ...names, hardware: [hardware] } });
  expect(reply.status, reply.text).toBe(200);
  return String(reply.body['id']);
}

const submit = (id: string) => app.call(`/deployments/${id}/inference`, { method: 'POST', body: {} });
const preflight = async (id: string) => (await app.call(`/deployments/${id}/preflight`)).body;

it('a graph with nodes of own hardware is saved, refused where nobody has them, and runs where they are', async () => {
  const saved = await app.saveWorkflow(GRAPH);
  const elsewhere = await deploy(saved, 'AMPERE_24');
  expectError(await submit(elsewhere), 422001);
  const id = await deploy(saved, 'SCALED');
  expect(await preflight(id)).toMatchObject({ ok: false, checks: [] });
  // The refusal elsewhere has not settled anything here.
  const first = await submit(id);
  expect(expectError(first, 503001)).toMatchObject({
    message: expect.stringContaining('an instance is being started'),
  });
  expect(first.headers.get('retry-after')).toBe('5');
  const accepted = await until('it is accepted', async () => {
    const reply = await submit(id);
    return reply.status === 200 ? reply : undefined;
  });
  const ended = await app.untilEnded(id, String(accepted.body['request_id']));
  expect(ended['instance_id']).toBe([...provider.alive.keys()][0]);
  const checks = (await preflight(id))['checks'] as JsonObject[];
  expect(checks.map(({ source, ok }) => [source, ok])).toEqual([
    ['version', true],
    ['instance', true],
  ]);
});

it('what the save could not check is said', async () => {
  const { workflowId } = await app.saveWorkflow(GRAPH);
  const reply = await app.call(`/workflows/${workflowId}/versions`, {
    method: 'POST',
    body: { workflow_api_json: GRAPH },
  });
  expect(reply.status, reply.text).toBe(200);
  const findings = reply.body['findings'] as JsonObject[];
  expect(findings.map(({ severity, type }) => [severity, type])).toEqual([
    ['warning', 'not_checked'],
    ['warning', expect.any(String)],
  ]);
});
