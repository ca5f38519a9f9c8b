// A request whose instance ended together with the service was lost; it runs again, three times at the most.
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectFailed } from '../testing/expect-error.ts';

const app = useTestApp();

it('is run again after its second loss, and fails with 10012 after its third', async () => {
  const deploymentId = await app().createDeployment();
  await app().stopEmulator();
  const twice = await app().submit(deploymentId);
  const thrice = await app().submit(deploymentId);
  for (const [requestId, losses] of [
    [twice, 1],
    [thrice, 2],
  ] as const) {
    await app().db.query(sql`
      update requests set state = 'active', epoch = ${losses + 1}, losses = ${losses}, leased_at = now(),
        instance_id = ${randomUUID()}, prompt_id = ${randomUUID()} where id = ${requestId}`);
  }
  await app().restart();
  const { details } = expectFailed(await app().untilEnded(deploymentId, thrice), 10012);
  expect(details).toContain('3 times');
  await app().startEmulator();
  expect(await app().untilEnded(deploymentId, twice)).toMatchObject({ status: 'succeeded' });
  expect(app().emulator.executions()).toHaveLength(1);
});
