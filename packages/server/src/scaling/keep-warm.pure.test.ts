import { expect, it } from 'vitest';
import {
  chooseSurplusMs,
  guessSurplusMs,
  isLearned,
  learnReuse,
  learnStart,
  learnStop,
  NOTHING_LEARNED,
} from './keep-warm.pure.ts';

const MINUTE = 60_000;
const afterGaps = (...gapsMs: number[]) => gapsMs.reduce(learnReuse, NOTHING_LEARNED);

it('while nothing is known a surplus instance is kept for as long as a start takes, within keep-warm', () => {
  expect(isLearned(NOTHING_LEARNED)).toBe(false);
  expect(guessSurplusMs(1, { coldStartMs: 20_000, keepWarmMs: MINUTE })).toBe(20_000);
  expect(guessSurplusMs(1, { coldStartMs: 90_000, keepWarmMs: MINUTE })).toBe(MINUTE);
});

it('the more were used after it, the shorter it is kept while nothing is known', () => {
  expect(guessSurplusMs(4, { coldStartMs: 20_000, keepWarmMs: MINUTE })).toBe(5_000);
  expect(isLearned(afterGaps(1, 2, 3, 4, 5, 6))).toBe(true);
});

it('short gaps keep it for a little longer than they are', () => {
  expect(chooseSurplusMs(afterGaps(...new Array<number>(20).fill(4_000)), MINUTE, MINUTE)).toBe(5_000);
});

it('long gaps do not keep it at all', () => {
  expect(chooseSurplusMs(afterGaps(...new Array<number>(20).fill(900_000)), MINUTE, MINUTE)).toBe(0);
});

it('never keeps it for longer than keep-warm', () => {
  const gaps = afterGaps(...new Array<number>(20).fill(40_000));
  expect(chooseSurplusMs(gaps, 10 * MINUTE, MINUTE)).toBe(45_000);
  expect(chooseSurplusMs(gaps, 10 * MINUTE, 30_000)).toBe(0);
});

it('a start tells how long the instance that was stopped last would have had to be kept', () => {
  let memory = learnStop(learnStop(NOTHING_LEARNED, 1_000), 5_000);
  memory = learnStart(memory, 9_000);
  expect(memory).toEqual(learnStop(learnReuse(NOTHING_LEARNED, 4_000), 1_000));
});
