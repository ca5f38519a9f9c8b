import { expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import { afterAwake, awakeNow, createAwakeClock } from './awake-time.ts';

/** The event loop stands still, as it does under SIGSTOP. */
function standStill(ms: number) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it('counts what passes while it is looked at, and of a standstill next to nothing', () => {
  let at = 1_000;
  const now = createAwakeClock(() => at);
  for (let look = 0; look < 10; look += 1) {
    at += 100;
    now();
  }
  expect(now()).toBe(1_000);
  at += 60_000;
  expect(now()).toBe(1_400);
  at += 50;
  expect(now()).toBe(1_450);
});

it('looks at the time by itself', async () => {
  const from = awakeNow();
  const realFrom = performance.now();
  await until('a second passed', () => performance.now() - realFrom > 1_000);
  expect(awakeNow() - from).toBeGreaterThan(500);
});

it('a time-out that became due during a standstill waits for the rest of its time', async () => {
  let calledAfter = 0;
  const from = performance.now();
  afterAwake(600, () => {
    calledAfter = performance.now() - from;
  });
  standStill(1_000);
  await until('it was called', () => calledAfter > 0);
  expect(calledAfter).toBeGreaterThan(1_150);
});

it('one that was stopped is not called', async () => {
  let called = '';
  const stop = afterAwake(20, () => {
    called += 'stopped ';
  });
  stop();
  afterAwake(40, () => {
    called += 'other';
  });
  await until('the other is called', () => called !== '');
  expect(called).toBe('other');
});
