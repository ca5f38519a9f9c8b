import { expect, it } from 'vitest';
import { capacity, depth, room } from './give-ahead.pure.ts';

it('the shorter the runs are, the more is given ahead, and short ones may wait inside', () => {
  const of = (meanRunMs: number) => [capacity({ meanRunMs }), depth({ meanRunMs })];
  expect([of(60_000), of(500), of(50), of(10), of(5), of(1)]).toEqual([
    [2, 1],
    [3, 1],
    [5, 2],
    [13, 3],
    [20, 4],
    [22, 6],
  ]);
});

it('of short runs several are given at once, when half of what is not inside yet is over', () => {
  const of = (pending: number) => room({ pending, meanRunMs: 10 });
  expect([of(0), of(8), of(9), of(13), of(20)]).toEqual([13, 5, 0, 0, 0]);
  expect(room({ pending: 1, meanRunMs: 60_000 })).toBe(1);
});

it('more are there before a place inside is free, however long the runs take', () => {
  for (let meanRunMs = 1; meanRunMs < 100; meanRunMs += 1) {
    expect(room({ pending: depth({ meanRunMs }), meanRunMs })).toBeGreaterThan(1);
  }
});
