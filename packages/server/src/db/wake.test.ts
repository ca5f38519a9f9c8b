import { expect, test } from 'vitest';
import { silentLog, useTestDatabase } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import { createDatabase } from './database.ts';
import { createWaker } from './wake.ts';
import { createReplicaWaker } from './wake-replicas.ts';

const used = useTestDatabase('empty');
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('many wakes of one turn are one call for each topic, and none after the listener left', async () => {
  const waker = createWaker<'work' | 'delivery'>();
  const calls: string[] = [];
  const off = waker.on('work', () => calls.push('work'));
  waker.on('delivery', () => calls.push('delivery'));
  void waker.wake('work');
  void waker.wake('work');
  void waker.wake('delivery');
  expect(calls).toEqual([]);
  await nextTurn();
  expect(calls).toEqual(['work', 'delivery']);
  off();
  void waker.wake('work');
  await nextTurn();
  expect(calls).toHaveLength(2);
});

test('a wake is over once its listeners have acted', async () => {
  const waker = createWaker();
  let hasActed = false;
  waker.on('work', async () => {
    await nextTurn();
    hasActed = true;
  });
  await waker.wake('work');
  expect(hasActed).toBe(true);
});

test('a wake during a call is another call, not a lost one', async () => {
  const waker = createWaker();
  let calls = 0;
  waker.on('work', () => {
    calls += 1;
    if (calls === 1) void waker.wake('work');
  });
  void waker.wake('work');
  await nextTurn();
  await nextTurn();
  expect(calls).toBe(2);
});

test('replicas wake each other with one notification a turn, and themselves without the database', async () => {
  const databases = [1, 2].map(() => createDatabase({ connection: used.connection(), log: silentLog, poolSize: 2 }));
  const [here, there] = databases.map((db, index) => {
    const replica = createReplicaWaker({
      db,
      waker: createWaker<'work' | 'delivery'>(),
      topics: ['work', 'delivery'],
      replicaId: `replica-${index}`,
      log: silentLog,
    });
    const calls: string[] = [];
    for (const topic of ['work', 'delivery'] as const) replica.on(topic, () => calls.push(topic));
    return { replica, calls };
  });
  if (!here || !there) throw new Error('two replicas were made');
  await Promise.all([here.replica.start(), there.replica.start()]);
  for (let count = 0; count < 100; count += 1) void here.replica.wake('work');
  await nextTurn();
  expect(here.calls).toEqual(['work']);
  await until('the other replica is woken', () => there.calls.length > 0);
  void there.replica.wake('delivery');
  await until('the first replica is woken', () => here.calls.length > 1);
  expect([here.calls, there.calls]).toEqual([
    ['work', 'delivery'],
    ['work', 'delivery'],
  ]);
  await Promise.all([here.replica.stop(), there.replica.stop()]);
  await Promise.all(databases.map((db) => db.stop()));
});
