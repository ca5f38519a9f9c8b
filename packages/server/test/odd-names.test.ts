// Names that are none of ours never reach the database: they are refused like any other that does not exist.
import { expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, listProblems } from '../testing/expect-error.ts';

const app = useTestApp({ emulator: 'none', env: { COMFLEET_COMFYUI: 'http://127.0.0.1:9' } });

it('a deployment of a workflow whose id is no UUID is refused at its field', async () => {
  const body = { name: 'd', workflow_id: 'abc', workflow_version: 'latest' };
  const { detail } = expectError(await app().call('/deployments', { method: 'POST', body }), 422001);
  expect(listProblems(detail)).toEqual(['body.workflow_id unknown_reference']);
});

it('an object_info under a key that is none of ours is not found', async () => {
  for (const key of ['%00', 'abc', '%F0%9F%98%80']) {
    expectError(await app().call(`//object_info/${key}.json`, { token: null }), 404001);
  }
});
