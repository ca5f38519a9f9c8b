import { expect, test } from 'vitest';
import { until } from '../../testing/until.ts';
import { createBatcher } from './batch.ts';
import { createRowBatcher } from './batch-rows.ts';

interface Flush {
  readonly items: number[];
  answer(results?: (number | Error)[]): void;
  fail(error: Error): void;
}

/** A batcher whose flushes are answered by hand. */
function controlled(options: { lanes: number; maxItems?: number; maxWeight?: number; isItemsFault?: () => boolean }) {
  const flushes: Flush[] = [];
  const batcher = createBatcher<number, number>({
    ...options,
    weigh: (item) => item,
    flush: (items) =>
      new Promise((resolve, reject) => {
        flushes.push({ items, answer: (results) => resolve(results ?? items.map((item) => item * 10)), fail: reject });
      }),
  });
  return { batcher, flushes };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('items of one turn share a flush, and each gets its own result', async () => {
  const { batcher, flushes } = controlled({ lanes: 1 });
  const results = [batcher.add(1), batcher.add(2), batcher.add(3)];
  await nextTurn();
  expect(flushes.map(({ items }) => items)).toEqual([[1, 2, 3]]);
  flushes[0]?.answer();
  expect(await Promise.all(results)).toEqual([10, 20, 30]);
});

test('while every lane is busy the next group collects', async () => {
  const { batcher, flushes } = controlled({ lanes: 2 });
  const results: Promise<number>[] = [];
  for (const item of [1, 2, 3, 4]) {
    results.push(batcher.add(item));
    await nextTurn();
  }
  expect(flushes.map(({ items }) => items)).toEqual([[1], [2]]);
  expect(batcher.waiting).toBe(2);
  flushes[0]?.answer();
  await until('a lane is free again', () => flushes.length === 3);
  expect(flushes.map(({ items }) => items)).toEqual([[1], [2], [3, 4]]);
  for (const flush of flushes) flush.answer();
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40]);
});

test('a group has at most so many items and so much weight', async () => {
  const byCount = controlled({ lanes: 9, maxItems: 2 });
  for (const item of [1, 2, 3, 4, 5]) void byCount.batcher.add(item);
  await nextTurn();
  expect(byCount.flushes.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5]]);
  const byWeight = controlled({ lanes: 9, maxWeight: 5 });
  for (const item of [2, 3, 1, 99, 4]) void byWeight.batcher.add(item);
  await nextTurn();
  expect(byWeight.flushes.map(({ items }) => items)).toEqual([[2, 3], [1], [99], [4]]);
});

test('an Error among the results fails that item alone', async () => {
  const { batcher, flushes } = controlled({ lanes: 1 });
  const results = Promise.allSettled([batcher.add(1), batcher.add(2)]);
  await nextTurn();
  flushes[0]?.answer([10, new Error('no')]);
  expect(await results).toMatchObject([{ value: 10 }, { reason: { message: 'no' } }]);
});

test('a flush that fails fails its group and no other', async () => {
  const { batcher, flushes } = controlled({ lanes: 1 });
  const first = expect(Promise.all([batcher.add(1), batcher.add(2)])).rejects.toThrow('gone');
  await nextTurn();
  const second = batcher.add(3);
  flushes[0]?.fail(new Error('gone'));
  await first;
  await nextTurn();
  flushes[1]?.answer();
  expect(await second).toBe(30);
});

test('a flush that answers too few fails instead of leaving callers waiting', async () => {
  const { batcher, flushes } = controlled({ lanes: 1 });
  const both = expect(Promise.all([batcher.add(1), batcher.add(2)])).rejects.toThrow('2 items gave 1 results');
  await nextTurn();
  flushes[0]?.answer([10]);
  await both;
});

test('one bad item in a group is found by halving, and only it fails', async () => {
  const batcher = createBatcher<number, number>({
    lanes: 1,
    isItemsFault: () => true,
    flush: async (items) => {
      if (items.includes(5)) throw new Error('five');
      return items;
    },
  });
  const results = await Promise.allSettled([1, 2, 3, 4, 5, 6, 7].map((item) => batcher.add(item)));
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message))).toEqual([
    1,
    2,
    3,
    4,
    'five',
    6,
    7,
  ]);
});

test('drain waits for what was added, and not at all when idle', async () => {
  const { batcher, flushes } = controlled({ lanes: 1, maxItems: 1 });
  await batcher.drain();
  const order: string[] = [];
  const added = [batcher.add(1), batcher.add(2)].map((result) => result.then((value) => order.push(`item ${value}`)));
  const drained = batcher.drain().then(() => order.push('drained'));
  await nextTurn();
  flushes[0]?.answer();
  await added[0];
  await nextTurn();
  flushes[1]?.answer();
  await drained;
  expect(order).toEqual(['item 10', 'item 20', 'drained']);
});

test('items with patience wait for others to share their statement, and go when one without comes', async () => {
  const { batcher, flushes } = controlled({ lanes: 1 });
  void batcher.add(1, 60_000);
  void batcher.add(2, 60_000);
  await nextTurn();
  expect(flushes).toEqual([]);
  void batcher.add(3);
  await nextTurn();
  expect(flushes.map(({ items }) => items)).toEqual([[1, 2, 3]]);
});

test('patience ends by itself, with enough of them, and when the batcher is drained', async () => {
  const late = controlled({ lanes: 1 });
  void late.batcher.add(1, 5);
  await until('its time is over', () => late.flushes.length === 1);
  const many = controlled({ lanes: 1 });
  for (let item = 0; item < 32; item += 1) void many.batcher.add(item, 60_000);
  await nextTurn();
  expect(many.flushes).toHaveLength(1);
  const drained = controlled({ lanes: 1 });
  void drained.batcher.add(1, 60_000);
  const end = drained.batcher.drain();
  await until('it goes', () => drained.flushes.length === 1);
  drained.flushes[0]?.answer();
  await end;
});

test('what collected behind a busy lane keeps its patience', async () => {
  const { batcher, flushes } = controlled({ lanes: 1 });
  const first = batcher.add(1);
  await nextTurn();
  void batcher.add(2, 60_000);
  flushes[0]?.answer();
  await first;
  await nextTurn();
  expect(flushes).toHaveLength(1);
  void batcher.add(3);
  await until('both go', () => flushes.length === 2);
  expect(flushes[1]?.items).toEqual([2, 3]);
});

test('rows of one turn are inserted together, and the one that is refused fails alone', async () => {
  const inserted: (readonly number[])[] = [];
  const rows = createRowBatcher<number>(async (given) => {
    if (given.includes(3)) throw new Error('no such row');
    inserted.push(given);
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map((row) => rows.add(row)));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(inserted).toEqual([[1, 2], [4]]);
});
