import { expect, it } from 'vitest';
import { fairUsage } from './fair-usage.pure.ts';

const used = (usage: Record<string, number>, running: [string, number][] = []) =>
  fairUsage({ usedMs: (id) => usage[id] ?? 0 }, new Map(running));

it('what runs now counts with what has run', () => {
  const usage = used({ a: 30_000, b: 50_000 }, [['a', 40_000]]);
  expect(usage.usedMs('a')).toBeGreaterThan(usage.usedMs('b'));
});

it('a difference of less than a step is none', () => {
  const usage = used({ a: 1_000, b: 18_000, c: 21_000 });
  expect(usage.usedMs('a')).toBe(usage.usedMs('b'));
  expect(usage.usedMs('b')).toBeLessThan(usage.usedMs('c'));
});
