// A cursor that was made up: an error of the caller's or an empty page, never one of ours.
// routes: listDeliveries, listWorkflows, listRequests, listTokens, listEvents
import { beforeAll, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';

const app = useTestApp({ emulator: 'none' });
const ID = '00000000-0000-4000-8000-000000000000';
let deploymentId: string;
beforeAll(async () => {
  const { workflowId, version } = await app().saveWorkflow({}, {});
  const body = { name: 'd', workflow_id: workflowId, workflow_version: version };
  deploymentId = String((await app().call('/deployments', { method: 'POST', body })).body['id']);
});

it.each(['/webhooks/deliveries', '/workflows', '/tokens', '/events', '/deployments/{d}/requests'])(
  'of %s',
  async (path) => {
    const at = path.replace('{d}', deploymentId);
    const digits = [1, 14, 15, 16, 17, 19, 40].map((count) => '9'.repeat(count));
    for (const cursor of [
      ...digits.map((text) => `${text}_${ID}`),
      `1e9_${ID}`,
      `-1_${ID}`,
      `0_${ID}`,
      '1_2',
      'x',
      '',
    ]) {
      const reply = await app().call(`${at}?cursor=${encodeURIComponent(cursor)}`);
      expect([cursor, reply.status < 500], reply.text).toEqual([cursor, true]);
    }
  },
);
