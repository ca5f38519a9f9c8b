// What failed starts teach. (What idle instances teach: keep-warm.pure.test.ts, scaler.test.ts.)
import { expect, it } from 'vitest';
import { learnFailedStart } from './learn.pure.ts';

const START = { askedAt: 1_000, cause: 'no GPU', wasWished: false, isCurrent: true };

it('failed starts count in a row, those asked for together once', () => {
  const first = learnFailedStart(undefined, START, 5_000);
  expect(first).toEqual({ count: 1, since: 5_000, lastAt: 5_000, cause: 'no GPU' });
  const together = learnFailedStart(first, { ...START, cause: 'no room' }, 6_000);
  expect(together).toEqual({ count: 1, since: 5_000, lastAt: 6_000, cause: 'no room' });
  const later = learnFailedStart(together, { ...START, askedAt: 7_000 }, 9_000);
  expect(later).toEqual({ count: 2, since: 5_000, lastAt: 9_000, cause: 'no GPU' });
  expect(learnFailedStart(later, { ...START, askedAt: undefined }, 10_000)?.count).toBe(3);
});

it('one that was taken away on purpose, or was made from what has been edited since, does not count', () => {
  const before = learnFailedStart(undefined, START, 5_000);
  expect(learnFailedStart(before, { ...START, wasWished: true }, 9_000)).toBe(before);
  expect(learnFailedStart(undefined, { ...START, isCurrent: false }, 9_000)).toBeUndefined();
});

it('the next try after a call for instances is a try like others', () => {
  const before = { count: 4, since: 0, lastAt: 500, cause: 'no GPU', isDue: true };
  expect(learnFailedStart(before, START, 5_000)).toEqual({ count: 5, since: 0, lastAt: 5_000, cause: 'no GPU' });
});
