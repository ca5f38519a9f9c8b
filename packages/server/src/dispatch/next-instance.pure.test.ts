import { expect, it } from 'vitest';
import { capacity } from './give-ahead.pure.ts';
import {
  ALL_LEVELS,
  countToGive,
  isCurrent,
  LEVELS,
  levelOf,
  mayTakeWork,
  nextInstance,
  whyThere,
} from './next-instance.pure.ts';

it('asks the one with the least to do first, those that wait for a group last, and none that is full', () => {
  const of = (pending: number) => levelOf({ pending, meanRunMs: 10 });
  expect([of(0), of(2), of(8), of(9), of(12), of(13)]).toEqual([0, 2, 8, 9 + LEVELS, 12 + LEVELS, undefined]);
  for (let meanRunMs = 0.5; meanRunMs < 200; meanRunMs *= 1.3) {
    const most = capacity({ meanRunMs }) - 1;
    expect(levelOf({ pending: most, meanRunMs })).toBeLessThan(ALL_LEVELS);
  }
});

it('takes of the idle ones the one used last, of busy ones the one that has had as much for longest', () => {
  const levels = Array.from({ length: ALL_LEVELS }, () => ({ first: '', last: '' }));
  const put = (level: number) => {
    levels[level] = { first: `first of ${level}`, last: `last of ${level}` };
    return [nextInstance(levels, LEVELS), nextInstance(levels, ALL_LEVELS)];
  };
  expect(nextInstance(levels, ALL_LEVELS)).toBeUndefined();
  expect(put(LEVELS + 3)).toEqual([undefined, `first of ${LEVELS + 3}`]);
  expect(put(2)).toEqual(['first of 2', 'first of 2']);
  expect(put(1)).toEqual(['first of 1', 'first of 1']);
  expect(put(0)).toEqual(['last of 0', 'last of 0']);
});

it('gives one to an idle instance, and in groups ahead of short runs', () => {
  expect([0, 1, 2, 3].map((pending) => countToGive({ pending, meanRunMs: 500 }))).toEqual([1, 2, 1, 0]);
  expect([0, 1, 8, 9].map((pending) => countToGive({ pending, meanRunMs: 10 }))).toEqual([1, 12, 5, 0]);
});

it('lets outdated instances stand in while no current one is ready', () => {
  expect([isCurrent('v1', 'v2'), isCurrent('v2', 'v2'), isCurrent(undefined, undefined)]).toEqual([false, true, true]);
  expect([mayTakeWork(true, 1), mayTakeWork(false, 0), mayTakeWork(false, 1)]).toEqual([true, true, false]);
});

it('says why there: what kept the request from an instance with less to do, if there was one', () => {
  expect(whyThere(2, 2, undefined)).toBe('fewest before it');
  expect(whyThere(2, 2, 'max_instances')).toBe('fewest before it');
  expect(whyThere(2, 1, 'max_instances')).toBe('max_instances');
  expect(whyThere(2, 0, 'its models')).toBe('its models');
  expect(whyThere(2, 1, undefined)).toBe('room for more');
});
