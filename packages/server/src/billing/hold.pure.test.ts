import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectRunMs, learnMean, mayStartAnother, mustStopOverrun, type Purse, reserveFor } from './hold.pure.ts';

describe('what a request reserves', () => {
  it.each([
    ['a minute for a deployment that has not run', undefined, 3_600_000, 60_000],
    ['no longer than a run may take', undefined, 10_000, 10_000],
    ['twice the mean run', 40_000, 3_600_000, 80_000],
    ['at least a second', 5, 3_600_000, 1_000],
    ['whole milliseconds', 1_000.3, 3_600_000, 2_001],
  ])('%s', (_what, mean, timeout, expected) => {
    expect(expectRunMs(mean, timeout)).toBe(expected);
  });

  it('costs something unless its hardware is free', () => {
    expect(reserveFor(1_000, 1)).toBe(1);
    expect(reserveFor(60_000, 990_000)).toBe(16_500);
    expect(reserveFor(60_000, 0)).toBe(0);
  });

  it('follows the runs', () => {
    expect(learnMean(undefined, 100)).toBe(100);
    expect(learnMean(100, 200)).toBeCloseTo(120);
  });
});

// A model of the gate: submits, ends and overruns in any order. Runs that keep within their reservation never bring the
// balance below minus the largest reservation.
it('runs within their reservations never take a balance further down than one reservation', () => {
  const events = fc.array(
    fc.oneof(
      fc.record({ what: fc.constant('submit' as const), reserved: fc.integer({ min: 1, max: 50_000 }) }),
      fc.record({ what: fc.constant('end' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    ),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(fc.integer({ min: -1_000, max: 200_000 }), events, (funds, happened) => {
      const purse = { left: funds, charged: 0, reserved: 0, overrun: 0 };
      const live: number[] = [];
      for (const event of happened) {
        if (event.what === 'submit' && mayStartAnother(purse)) {
          purse.reserved += event.reserved;
          live.push(event.reserved);
        } else if (event.what === 'end') {
          const reserved = live.shift();
          if (reserved === undefined) continue;
          purse.reserved -= reserved;
          purse.charged += Math.floor(reserved * event.share);
        }
      }
      // All that still live use what they reserved.
      const lowest = purse.left - purse.charged - live.reduce((sum, reserved) => sum + reserved, 0);
      expect(lowest).toBeGreaterThan(Math.min(funds - 1, 0 - 50_000));
    }),
  );
});

const purse = (fields: Partial<Purse>): Purse => ({ left: 0, charged: 0, reserved: 0, overrun: 0, ...fields });

it('the last cent starts one run, and what it reserves keeps others out', () => {
  expect(mayStartAnother(purse({ left: 1 }))).toBe(true);
  expect(mayStartAnother(purse({ left: 1, reserved: 16_500 }))).toBe(false);
  expect(mayStartAnother(purse({ left: 0 }))).toBe(false);
  expect(mayStartAnother(purse({ left: 1, charged: 1 }))).toBe(false);
});

it('a run may outlast its reservation while something else is left', () => {
  expect(mustStopOverrun(purse({ left: 100, reserved: 60, overrun: 40 }))).toBe(false);
  expect(mustStopOverrun(purse({ left: 100, reserved: 60, overrun: 41 }))).toBe(true);
});
