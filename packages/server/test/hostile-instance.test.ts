// An instance runs strangers' code: whatever it says, an accepted request ends, and ends once.
import { afterEach, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectFailed } from '../testing/expect-error.ts';

const app = useTestApp();

afterEach(() => app().emulator.faults.clear());

it('a message with a character that the database cannot hold still ends the request', async () => {
  const deploymentId = await app().createDeployment();
  app().emulator.faults.merge({ nodeError: { type: 'ValueError', message: 'a\u0000b' } });
  const result = await app().run(deploymentId);
  expect(expectFailed(result, 10011).details).toContain('ValueError: a');
});

it('a finding about an exact number is saved with its version', async () => {
  const workflow = await app().call('/workflows', { method: 'POST', body: { name: 'w' } });
  const graph = `{"1":{"class_type":"EmptyImage","inputs":{"width":16,"height":16,"batch_size":1,"color":1,"odd":["77",0.0]}},
    "2":{"class_type":"SaveImage","inputs":{"images":["1",0],"filename_prefix":"x"}}}`;
  const reply = await app().call(`/workflows/${workflow.body['id']}/versions?force=true`, {
    method: 'POST',
    body: `{"workflow_api_json":${graph}}`,
  });
  expect(reply.body).toMatchObject({ version: 'v1', findings: [{ severity: 'error', type: 'unknown_node' }] });
});
