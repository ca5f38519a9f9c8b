// Ended requests past their time go with all that belongs to them; those that live, and younger ones, stay.
import { expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { createInputCache } from '../src/files/input-cache.ts';
import { createDiskStore } from '../src/files/stores/disk.ts';
import { createRetention } from '../src/requests/retention.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { silentLog } from '../testing/test-database.ts';

const DAY_MS = 86_400_000;
const app = useTestApp();

const TABLES = ['requests', 'request_payloads', 'attempts', 'request_files', 'request_labels', 'idempotency_keys'];

async function countRows(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of TABLES) {
    const rows = await app().db.query<{ count: number }>({
      text: `select count(*)::int4 as count from ${table}`,
      values: [],
    });
    counts[table] = rows[0]?.count ?? -1;
  }
  return counts;
}

async function sweepAt(now: number) {
  const clock = { now: () => now };
  const storage = createDiskStore({ dir: `${app().dataDir}/files` });
  const inputCache = createInputCache({ storage, now: clock.now });
  const log = { ...silentLog, debug: () => undefined };
  const kept = { retentionDays: 7, requestRetentionDays: 30 };
  await createRetention({ db: app().db, clock, storage, inputCache, inputCacheBytes: 1e9, log, ...kept }).sweep();
}

it('of 30 days, with the files after 7 and the idempotency keys after one', async () => {
  const deploymentId = await app().createDeployment();
  const headers = { 'idempotency-key': 'k1' };
  const old = await app().submit(deploymentId, { metadata: { customer: '4711', tier: 'a' } }, { headers });
  await app().untilEnded(deploymentId, old);
  const running = await app().submit(deploymentId, { extra_data: { emulator: { serviceMs: 60_000 } } });
  await app().untilStatus(deploymentId, running, 'in_progress');
  const before = await countRows();
  expect(before).toEqual({
    requests: 2,
    request_payloads: 2,
    attempts: 1,
    request_files: 1,
    request_labels: 2,
    idempotency_keys: 1,
  });
  await sweepAt(Date.now() + 2 * DAY_MS);
  expect(await countRows()).toEqual({ ...before, idempotency_keys: 0 });
  await sweepAt(Date.now() + 8 * DAY_MS);
  expect(await countRows()).toEqual({ ...before, idempotency_keys: 0, request_files: 0 });
  await sweepAt(Date.now() + 31 * DAY_MS);
  const left = await app().db.query<{ id: string }>(sql`select id from requests`);
  expect(left).toEqual([{ id: running }]);
  expect(await countRows()).toEqual({
    requests: 1,
    request_payloads: 1,
    attempts: 0,
    request_files: 0,
    request_labels: 0,
    idempotency_keys: 0,
  });
  await app().cancelAll();
});
