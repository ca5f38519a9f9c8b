import { expect, it } from 'vitest';
import { createFlowLimit } from './flow-limit.ts';
import { DEFAULT_SOCKET_OPTIONS } from './socket.ts';

const MB = 1024 * 1024;

it('lets what a busy instance sends pass for ever', () => {
  let now = 0;
  const flow = createFlowLimit(DEFAULT_SOCKET_OPTIONS, () => now);
  // 500 prompts a second with a dozen small frames each, and a preview of 200 kB ten times a second.
  let pausedMs = 0;
  for (let ms = 0; ms < 120_000; ms += 100) {
    now = ms;
    for (let frame = 0; frame < 600; frame += 1) pausedMs += flow.take(300);
    pausedMs += flow.take(200_000);
  }
  expect(pausedMs).toBe(0);
});

it('lets some of the largest frames pass at once, and then as much as time allows', () => {
  let now = 0;
  const flow = createFlowLimit(DEFAULT_SOCKET_OPTIONS, () => now);
  expect(flow.take(60 * MB)).toBe(0);
  expect(flow.take(60 * MB)).toBe(0);
  const pause = flow.take(24 * MB);
  expect(pause).toBeGreaterThan(900);
  expect(pause).toBeLessThan(1_100);
  now += pause;
  expect(flow.take(MB)).toBeGreaterThan(0);
});

it('makes a flood of tiny frames wait as well', () => {
  let now = 0;
  const flow = createFlowLimit(DEFAULT_SOCKET_OPTIONS, () => now);
  let pausedMs = 0;
  for (let frame = 0; frame < 1_000_000; frame += 1) {
    const pause = flow.take(2);
    now += pause;
    pausedMs += pause;
  }
  expect(pausedMs).toBeGreaterThan(50_000);
});
