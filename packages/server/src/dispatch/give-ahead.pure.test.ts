import { expect, it } from 'vitest';
import { capacity, depth, room } from './give-ahead.pure.ts';

it('the shorter the runs are, the more is given ahead, and the more prompts may be inside', () => {
  const of = (meanRunMs: number) => [capacity({ meanRunMs }), depth({ meanRunMs })];
  expect([of(60_000), of(500), of(50), of(10), of(1)]).toEqual([
    [2, 1],
    [3, 1],
    [4, 2],
    [11, 4],
    [17, 4],
  ]);
});

it('of short runs several are given at once, when half of them are over', () => {
  const of = (pending: number) => room({ pending, meanRunMs: 10 });
  expect([of(0), of(5), of(6), of(11), of(20)]).toEqual([11, 6, 0, 0, 0]);
  expect(room({ pending: 1, meanRunMs: 60_000 })).toBe(1);
});
