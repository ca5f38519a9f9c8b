// A cancel can be on record without memory knowing: its commit was kept, and the answer to it lost with the connection.
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { findLeaseEpoch, takeLeases } from '../src/requests/lease.sql.ts';
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

it('a lease whose answer was lost before a cancel is refused when it is repeated, and known by its prompt', async () => {
  const deploymentId = await app().createDeployment();
  await app().stopEmulator();
  const requestId = await app().submit(deploymentId);
  const [instanceId, promptId, another] = [randomUUID(), randomUUID(), randomUUID()];
  const wish = { requestId, epoch: 1, instanceId, promptId, now: Date.now() };
  expect(await takeLeases(app().db, [wish])).toEqual(new Set([requestId]));
  await app().db.query(sql`update requests set cancel_requested_at = now() where id = ${requestId}`);
  expect(await takeLeases(app().db, [wish])).toEqual(new Set());
  expect(await findLeaseEpoch(app().db, requestId, promptId)).toBe(1);
  expect(await findLeaseEpoch(app().db, requestId, another)).toBeUndefined();
});
