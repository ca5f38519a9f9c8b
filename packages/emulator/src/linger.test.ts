import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLinger } from './linger.ts';

let stops = 0;

beforeEach(() => {
  vi.useFakeTimers();
  stops = 0;
});

afterEach(() => {
  vi.useRealTimers();
});

const linger = (lingerMs: number) =>
  createLinger({
    lingerMs,
    stop: () => {
      stops += 1;
    },
  });

it('does nothing while the program that started it lives', () => {
  const life = linger(0);
  life.socketCount(1);
  life.socketCount(0);
  vi.advanceTimersByTime(60_000);
  expect(stops).toBe(0);
});

it('stops at once when orphaned with nobody connected', () => {
  linger(0).orphaned();
  vi.advanceTimersByTime(0);
  expect(stops).toBe(1);
});

it('stops the linger time after the last client left, unless one comes back', () => {
  const life = linger(5000);
  life.socketCount(1);
  life.orphaned();
  vi.advanceTimersByTime(60_000);
  life.socketCount(0);
  vi.advanceTimersByTime(4999);
  life.socketCount(1);
  vi.advanceTimersByTime(60_000);
  expect(stops).toBe(0);
  life.socketCount(0);
  vi.advanceTimersByTime(5000);
  expect(stops).toBe(1);
});
