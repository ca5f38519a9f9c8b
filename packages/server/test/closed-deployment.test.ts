// From the moment a disable or a delete is answered, no waiting request of that deployment is dispatched, not even after a
// restart in between.
// routes: changeDeployment, deleteDeployment
import type { JsonObject } from '@comfleet/comfyui';
import { expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectFailed } from '../testing/expect-error.ts';

const app = useTestApp();

const SLOW: JsonObject = { extra_data: { emulator: { serviceMs: 60_000 } } };

it('a disable is answered once its waiting and running requests are told, and none of them runs after it', async () => {
  const deploymentId = await app().createDeployment();
  const ids = [await app().submit(deploymentId, SLOW)];
  await app().untilStatus(deploymentId, ids[0] ?? '', 'in_progress');
  for (let n = 0; n < 5; n += 1) ids.push(await app().submit(deploymentId, SLOW));
  await app().call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: false } });
  // Enabled again at once: what was live at the disable ends all the same.
  await app().call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: true } });
  for (const id of ids) expectFailed(await app().untilEnded(deploymentId, id), 10002);
  expect(app().emulator.executions()).toHaveLength(1);
});

it('a request whose deployment was disabled just before a crash is not run by the next start', async () => {
  const others = await Promise.all(Array.from({ length: 5 }, () => app().createDeployment()));
  const deploymentId = await app().createDeployment();
  await app().stopEmulator();
  for (const other of others) await app().submit(other);
  const requestId = await app().submit(deploymentId);
  // The disable was committed, and the service died before it acted.
  await app().db.query(sql`update deployments set is_enabled = false where id = ${deploymentId}`);
  await app().startEmulator();
  await app().restart();
  expectFailed(await app().untilEnded(deploymentId, requestId), 10002);
  const ran = await app().db.query<{ count: number }>(sql`
    select count(*)::int as count from attempts where request_id = ${requestId}`);
  expect(ran).toEqual([{ count: 0 }]);
});
