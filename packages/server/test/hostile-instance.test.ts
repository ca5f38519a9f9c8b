// An instance runs strangers' code: whatever it says, an accepted request ends, and ends once.
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { afterEach, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectFailed } from '../testing/expect-error.ts';

const app = useTestApp();

const faulty = (emulator: JsonValue): JsonObject => ({ extra_data: { emulator } });

afterEach(() => app().emulator.faults.clear());

it('a message with a character that the database cannot hold still ends the request', async () => {
  const deploymentId = await app().createDeployment();
  const result = await app().run(deploymentId, faulty({ nodeError: { type: 'ValueError', message: 'a\u0000b' } }));
  expect(expectFailed(result, 10011).details).toContain('ValueError: a');
});

it('a run whose frames stopped after its start is not taken for a dead worker', async () => {
  const deploymentId = await app().createDeployment();
  app().emulator.faults.merge({ websocket: { closeAfterFrames: Number(process.env['FR'] ?? 1), times: 1 } });
  const result = await app().run(deploymentId, faulty({ serviceMs: 2_000 }));
  expect(result).toMatchObject({ status: 'succeeded' });
  expect(app().emulator.executions()).toHaveLength(2);
  const rows = await app().db.query({ text: 'select outcome, cause from attempts', values: [] });
  expect(rows).toEqual([]);
});
