import { expect, test } from 'vitest';
import { createWaker } from './wake.ts';

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
