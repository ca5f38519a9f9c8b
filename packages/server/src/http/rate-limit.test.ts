// Who may call how often, on a clock that the test moves.
import { ApiError } from '@comfleet/api';
import { expect, it } from 'vitest';
import { createBuckets, createRateLimiter } from './rate-limit.ts';

function createClock() {
  let time = 0;
  return { now: () => time, pass: (ms: number) => (time += ms) };
}

function countAccepted(count: (index: number) => unknown, calls: number): number {
  let accepted = 0;
  for (let index = 0; index < calls; index += 1) {
    try {
      count(index);
      accepted += 1;
    } catch (error) {
      expect(error).toBeInstanceOf(ApiError);
    }
  }
  return accepted;
}

it('a token has a second of calls at once, and as many each second after', () => {
  const clock = createClock();
  const limiter = createRateLimiter({ writes: 10, reads: 100 }, clock.now);
  const write = () => limiter.countCall('a', 'POST');
  expect(countAccepted(write, 30)).toBe(10);
  clock.pass(500);
  expect(countAccepted(write, 30)).toBe(5);
  clock.pass(60_000);
  expect(countAccepted(write, 30)).toBe(10);
  expect(countAccepted(() => limiter.countCall('a', 'GET'), 200)).toBe(100);
  expect(countAccepted(() => limiter.countCall('b', 'DELETE'), 30)).toBe(10);
});

it('a refusal says when to come back, an answer what is left once half is used', () => {
  const limiter = createRateLimiter({ writes: 4, reads: 0 }, createClock().now);
  expect(limiter.countCall('a', 'POST')).toBeUndefined();
  expect(limiter.countCall('a', 'PATCH')).toBeUndefined();
  const headers = { 'ratelimit-policy': '"writes";q=4;w=1', ratelimit: '"writes";r=1;t=1' };
  expect(limiter.countCall('a', 'POST')).toEqual(headers);
  limiter.countCall('a', 'POST');
  try {
    limiter.countCall('a', 'POST');
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({
      code: 429001,
      headers: { 'retry-after': '1', 'ratelimit-policy': '"writes";q=4;w=1', ratelimit: '"writes";r=0;t=1' },
    });
  }
});

it('0 is no limit, and less than one a second still lets one through', () => {
  const clock = createClock();
  const limiter = createRateLimiter({ writes: 0.5, reads: 0 }, clock.now);
  expect(countAccepted(() => limiter.countCall('a', 'GET'), 5_000)).toBe(5_000);
  expect(countAccepted(() => limiter.countCall('a', 'POST'), 5)).toBe(1);
  clock.pass(2_000);
  expect(countAccepted(() => limiter.countCall('a', 'POST'), 5)).toBe(1);
});

it('an address that guesses is held back, with its whole /64, and no other', () => {
  const clock = createClock();
  const limiter = createRateLimiter({ writes: 100, reads: 1000 }, clock.now);
  for (let index = 0; index < 50; index += 1) limiter.countRefusal(`2001:db8:1:2:${index}::1`);
  expect(limiter.isGuessing('2001:db8:1:2:ffff::9')).toBe(true);
  expect(limiter.isGuessing('2001:db8:1:3::1')).toBe(false);
  expect(limiter.isGuessing('127.0.0.1')).toBe(false);
  clock.pass(1_000);
  expect(limiter.isGuessing('2001:db8:1:2::1')).toBe(false);
});

it('memory is bounded, whatever keys come', () => {
  const clock = createClock();
  const buckets = createBuckets({ size: 5, perSecond: 5, now: clock.now });
  for (let index = 0; index < 50_000; index += 1) buckets.take(`key ${index}`);
  expect(buckets.size()).toBeLessThanOrEqual(20_000);
});
