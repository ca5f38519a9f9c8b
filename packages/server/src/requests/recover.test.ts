// What a start cannot have read, told apart from what was there.
import { expect, it } from 'vitest';
import { useTestDatabase } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';
import { listWaitingSince, readSeqMark } from './recover.sql.ts';

const database = useTestDatabase();

async function insertWaiting(db: Queryable): Promise<string> {
  const id = crypto.randomUUID();
  await db.query(sql`insert into requests (id, account_id, deployment_id, version_id, state, created_at)
    select ${id}::uuid, ${id}::uuid, ${id}::uuid, ${id}::uuid, 'queued', now()`);
  return id;
}

it('finds what was written after a mark, or by a transaction that was under way at it', async () => {
  const db = database.db();
  await insertWaiting(db);
  // Transactions of other databases on the same server count as under way as well.
  const first = await readSeqMark(db);
  await until('nobody else is older', async () => (await readSeqMark(db)).xmin >= first.xmax);
  const [mark, underWay, after] = await db.transaction(async (tx) => {
    const id = await insertWaiting(tx);
    return [await readSeqMark(db), id, await insertWaiting(db)] as const;
  });
  expect(await listWaitingSince(db, mark)).toEqual([underWay, after]);
});
