import { expect, it } from 'vitest';
import { createCertainty } from './certainty.ts';

const at = { steadyMs: 50_000, wallMs: 1_700_000_000_000 };

function after(steadyMs: number, wallMs: number): boolean {
  let now = at;
  const certainty = createCertainty(() => now);
  certainty.renew(certainty.moment());
  now = { steadyMs: at.steadyMs + steadyMs, wallMs: at.wallMs + wallMs };
  return certainty.isCertain();
}

it('holds for less than a successor waits, and begins with the first beat', () => {
  expect(createCertainty().isCertain()).toBe(false);
  expect([after(0, 0), after(899, 899), after(900, 900)]).toEqual([true, true, false]);
});

it('ends with a suspended host, whose steady clock stood still', () => {
  expect(after(10, 3_600_000)).toBe(false);
});

it('ends with a process that slept, whatever the wall clock was set to', () => {
  expect(after(3_600_000, 10)).toBe(false);
  expect(after(10, -5_000)).toBe(false);
});
