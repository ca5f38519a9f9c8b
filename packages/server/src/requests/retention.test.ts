// What a sweep removes from the storage, and what it leaves.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { silentLog, useTestDatabase } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import { sql } from '../db/sql.ts';
import { recordEvent } from '../events/events.sql.ts';
import { createInputCache, type InputCache } from '../files/input-cache.ts';
import type { Storage } from '../files/storage.ts';
import { createDiskStore } from '../files/stores/disk.ts';
import { createRetention } from './retention.ts';

const DAY_MS = 86_400_000;
const MAX = { maxBytes: 1_000 };
const database = useTestDatabase('migrated');
const dir = mkdtempSync(join(tmpdir(), 'comfleet-retention-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function openRetention(inputCache: InputCache, storage: Storage, now: number) {
  return createRetention({
    db: database.db(),
    clock: { now: () => now },
    storage,
    inputCache,
    inputCacheBytes: 100,
    log: { ...silentLog, debug: () => undefined },
    retentionDays: 7,
    requestRetentionDays: 30,
  });
}

async function sweepAt(now: number): Promise<void> {
  const storage = createDiskStore({ dir });
  await openRetention(createInputCache({ storage, now: () => now }), storage, now).sweep();
}

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
  const listAfter = async (now: number) => {
    await sweepAt(now);
    const there = await Promise.all(['kept', 'old', 'orphan'].map((name) => storage.has(key(name))));
    return there;
  };
  expect(await listAfter(Date.now())).toEqual([true, false, true]);
  // An orphan is left alone for a day: its row may still be on its way.
  expect(await listAfter(Date.now() + 2 * DAY_MS)).toEqual([true, false, false]);
});

it('what others keep in the same place stays, and holds up no sweep', async () => {
  const storage = createDiskStore({ dir });
  const [others, inputs] = [['out-takes', 'in-box'], ['in-spool-crashed']];
  for (const key of [...others, ...inputs]) await storage.put(key, Buffer.from(key), { maxBytes: 100 });
  await sweepAt(Date.now() + 9 * DAY_MS);
  const listThere = async (keys: readonly string[]) => await Promise.all(keys.map((key) => storage.has(key)));
  expect([await listThere(others), await listThere(inputs)]).toEqual([[true, true], [false]]);
});

it('events of instances past their time go, edits stay', async () => {
  const db = database.db();
  for (const kind of ['instance.lost', 'token.created'])
    await recordEvent(db, { accountId: undefined, kind, message: kind });
  const kindsAfter = async (days: number) => {
    await sweepAt(Date.now() + days * DAY_MS);
    return (await db.query<{ kind: string }>(sql`select kind from events order by id`)).map(({ kind }) => kind);
  };
  expect(await kindsAfter(29)).toEqual(['instance.lost', 'token.created']);
  expect(await kindsAfter(31)).toEqual(['token.created']);
});

it('an input that a waiting request needs stays, whatever its age, until the request has ended', async () => {
  const db = database.db();
  const storage = createDiskStore({ dir });
  const cache = createInputCache({ storage, now: Date.now });
  const [needed, idle] = [await cache.keep(Buffer.alloc(90, 1), MAX), await cache.keep(Buffer.alloc(90, 2), MAX)];
  const requestId = '01a21025-ec44-7172-ab08-737654000adb';
  const body = JSON.stringify({ overrides: {}, media: [['1.image', { kind: 'stored', sha256: needed.sha256 }]] });
  await db.query(sql`
    insert into requests (id, account_id, deployment_id, version_id, state, created_at)
    values (${requestId}, ${requestId}, ${requestId}, ${requestId}, 'queued', now())`);
  await db.query(sql`insert into request_payloads (request_id, body) values (${requestId}, ${body})`);
  const listAfter = async (days: number) => {
    await sweepAt(Date.now() + days * DAY_MS);
    return await Promise.all([needed, idle].map(({ sha256 }) => storage.has(`in-${sha256}`)));
  };
  expect(await listAfter(0)).toEqual([true, true]);
  expect(await listAfter(1)).toEqual([true, false]); // over the size, and only one may go
  expect(await listAfter(9)).toEqual([true, false]);
  await db.query(sql`update requests set state = 'cancelled', finished_at = now() where id = ${requestId}`);
  expect(await listAfter(9)).toEqual([false, false]);
});

it('inputs that grow too many go at once, not at the next sweep', async () => {
  const storage = createDiskStore({ dir });
  const old = await createInputCache({ storage, now: Date.now }).keep(Buffer.alloc(90, 3), MAX);
  const now = () => Date.now() + 3_600_000;
  const cache = createInputCache({ storage, now });
  const retention = openRetention(cache, storage, now());
  retention.start();
  const kept = [await cache.keep(Buffer.alloc(60, 4), MAX), await cache.keep(Buffer.alloc(60, 5), MAX)];
  await until('the oldest is gone', async () => !(await storage.has(`in-${old.sha256}`)));
  for (const { sha256 } of kept) expect(await storage.has(`in-${sha256}`)).toBe(true); // used a moment ago
  retention.stop();
});
