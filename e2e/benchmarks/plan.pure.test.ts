// What the planner of `npm run bench -- --minutes N` promises: every row has its least, nothing goes over the time.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedSeconds, paceOf, planRounds } from './plan.pure.ts';

describe('planRounds', () => {
  it('gives five rounds to all when there is time', () => {
    expect(
      planRounds(
        [
          { setup: 10, round: 20 },
          { setup: 0, round: 60, mostRounds: 2 },
        ],
        { seconds: 900, pace: 1 },
      ),
    ).toEqual([5, 2]);
  });

  it('takes rounds from the rows with the longest first', () => {
    const rows = [
      { setup: 0, round: 10 },
      { setup: 0, round: 100 },
    ];
    expect(planRounds(rows, { seconds: 260, pace: 1 })).toEqual([5, 2]);
  });

  it('keeps the least even when time is short, and counts with the pace so far', () => {
    const rows = [
      { setup: 0, round: 60, leastRounds: 5 },
      { setup: 0, round: 10 },
    ];
    expect(planRounds(rows, { seconds: 60, pace: 1 })).toEqual([5, 1]);
    expect(planRounds(rows, { seconds: 660, pace: 2 })).toEqual([5, 3]);
  });

  it('never plans more than the time, unless for the least', () => {
    const row = fc.record({ setup: fc.nat(60), round: fc.integer({ min: 1, max: 120 }) });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), fc.nat(3_000), (rows, seconds) => {
        const rounds = planRounds(rows, { seconds, pace: 1 });
        const total = rows.reduce((sum, each, index) => sum + expectedSeconds(each, rounds[index] ?? 0), 0);
        const least = rows.reduce((sum, each) => sum + expectedSeconds(each, 1), 0);
        expect(total).toBeLessThanOrEqual(Math.max(seconds, least));
      }),
    );
  });
});

describe('paceOf', () => {
  it('is what rows took over what was expected, 1 at the beginning', () => {
    expect(paceOf([])).toBe(1);
    expect(paceOf([{ expected: 100, took: 150 }])).toBe(1.5);
    expect(paceOf([{ expected: 100, took: 1 }])).toBe(0.5);
  });
});
