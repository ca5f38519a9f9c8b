// A cancel can be on record without memory knowing: its commit was kept, and the answer to it lost with the connection.
import { expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { useTestApp } from '../testing/create-test-app.ts';

const app = useTestApp();

it('a waiting request whose cancel is only on record is cancelled when its turn comes, and never runs', async () => {
  const deploymentId = await app().createDeployment();
  await app().stopEmulator();
  const requestId = await app().submit(deploymentId);
  await app().db.query(sql`update requests set cancel_requested_at = now() where id = ${requestId}`);
  await app().startEmulator();
  expect(await app().untilEnded(deploymentId, requestId)).toMatchObject({ status: 'cancelled' });
  expect(app().emulator.executions()).toEqual([]);
});
