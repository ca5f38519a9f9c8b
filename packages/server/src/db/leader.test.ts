import { expect, test } from 'vitest';
import { silentLog, useTestDatabase } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import { isDatabaseUnavailable } from './database-unavailable.ts';
import { type Leadership, takeLeadership } from './leader.ts';
import { sql } from './sql.ts';

const used = useTestDatabase('empty');

const take = (key: number, onLost: (cause: Error) => void = () => {}): Promise<Leadership> =>
  takeLeadership({ connection: used.connection(), key, onLost, log: silentLog, heartbeatMs: 100 });

async function requireLeader(key: number, onLost?: (cause: Error) => void): Promise<() => Promise<void>> {
  const leadership = await take(key, onLost);
  if (leadership.kind !== 'leader') throw new Error(`held by ${leadership.holder}`);
  return leadership.release;
}

test('one leads, the other learns who, and after a release it leads', async () => {
  const release = await requireLeader(1);
  expect(await take(1)).toEqual({ kind: 'held-by-other', holder: `comfleet leader ${process.pid}` });
  await release();
  const releaseAgain = await until('the lock is free', async () => {
    const leadership = await take(1);
    return leadership.kind === 'leader' && leadership.release;
  });
  await releaseAgain();
});

test('leadership of one thing is not leadership of another', async () => {
  const releases = [await requireLeader(2), await requireLeader(3)];
  for (const release of releases) await release();
});

test('a leader whose connection is cut is told once, and another can lead', async () => {
  const causes: Error[] = [];
  await requireLeader(4, (cause) => causes.push(cause));
  await used.db().query(sql`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name like 'comfleet leader %' and datname = current_database()`);
  await until('the loss is told', () => causes.length > 0);
  await (await requireLeader(4))();
  expect(causes).toHaveLength(1);
});

test('a release is not a loss', async () => {
  const causes: Error[] = [];
  const release = await requireLeader(5, (cause) => causes.push(cause));
  await release();
  await release();
  expect(causes).toEqual([]);
});

test('without a database nobody leads, and that is said as such', async () => {
  const connection = { ...used.connection(), host: '/nowhere' };
  const error = await takeLeadership({ connection, key: 1, onLost: () => {}, log: silentLog }).catch((cause) => cause);
  expect(isDatabaseUnavailable(error)).toBe(true);
});
