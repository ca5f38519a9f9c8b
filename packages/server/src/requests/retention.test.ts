// What a sweep removes from the storage, and what it leaves.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { silentLog, useTestDatabase } from '../../testing/test-database.ts';
import { createInputCache } from '../files/input-cache.ts';
import { createDiskStore } from '../files/stores/disk.ts';
import { createRetention } from './retention.ts';

const DAY_MS = 86_400_000;
const database = useTestDatabase('migrated');
const dir = mkdtempSync(join(tmpdir(), 'comfleet-retention-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('files past their time go, and bytes that no row names; all else stays', async () => {
  const db = database.db();
  const storage = createDiskStore({ dir });
  const requestId = '01a21025-ec44-7172-ab08-737654000ada';
  const key = (name: string) => `out-${requestId}-${name}`;
  for (const name of ['kept', 'old', 'orphan']) await storage.put(key(name), Buffer.from(name), { maxBytes: 100 });
  for (const [name, days] of [
    ['kept', 0],
    ['old', 9],
  ] as const) {
    await db.query({
      text: `insert into request_files (request_id, kind, path, size_bytes, sha256, content_type, storage_key, created_at)
        values ($1, 'output', $2, 4, '', 'image/png', $3, now() - make_interval(days => $4::int))`,
      values: [requestId, name, key(name), days],
    });
  }
  const sweepAt = async (now: number) => {
    const clock = { now: () => now };
    const inputCache = createInputCache({ storage, now: clock.now });
    await createRetention({
      db,
      clock,
      storage,
      inputCache,
      log: { ...silentLog, debug: () => undefined },
      retentionDays: 7,
      requestRetentionDays: 30,
    }).sweep();
    const there = await Promise.all(['kept', 'old', 'orphan'].map((name) => storage.has(key(name))));
    return there;
  };
  expect(await sweepAt(Date.now())).toEqual([true, false, true]);
  // An orphan is left alone for a day: its row may still be on its way.
  expect(await sweepAt(Date.now() + 2 * DAY_MS)).toEqual([true, false, false]);
});
