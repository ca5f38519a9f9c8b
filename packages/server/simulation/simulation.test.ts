import { expect, it } from 'vitest';
import {
  type Baseline,
  playAffinityBaselines,
  playFairnessBaselines,
  playFleetBaselines,
  playKeepWarmBaselines,
} from './baselines.ts';
import { countBeladyLoads } from './goals/affinity.ts';
import { GOALS } from './goals/index.ts';
import { measureGoal } from './report.ts';

/** Requests per run of the short round, where fewer than usual say enough. */
const SHORT: Readonly<Record<string, number>> = {
  A1: 10_000,
  A2: 4_000,
  A3: 10_000,
  A4: 10_000,
  A6: 300,
  A7: 2_000,
  A9: 50_000,
  A10: 10_000,
  A13: 40_000,
};

it.each(GOALS.map((goal) => ({ id: goal.id, goal })))('$id is reached in the short round', ({ id, goal }) => {
  const report = measureGoal(goal, { seed: 1, tries: 1, jobs: SHORT[id], clock: () => 0 });
  expect(report.violations).toEqual([]);
  expect(report.reaches, `${report.figure}`).not.toBe('neither');
});

it('the same seed gives the same figures', () => {
  const goal = GOALS.find(({ id }) => id === 'A5');
  expect(goal?.measure({ seed: 7, jobs: undefined })).toEqual(goal?.measure({ seed: 7, jobs: undefined }));
});

it.each([...playKeepWarmBaselines(1), ...playAffinityBaselines(1).filter(({ name }) => !/random|two sets/.test(name))])(
  '$name gives what was published',
  (row) => expectClose(row, 0.25),
);

it('fairness and big fleets give what was published, as far as it is not noise', () => {
  const [fifo] = playFairnessBaselines(1);
  if (fifo) expectClose(fifo, 0.15);
  const [random] = playFleetBaselines(1, 200_000);
  expect(random?.figures[0]).toBeGreaterThan(3);
});

function expectClose({ name, figures, published }: Baseline, share: number) {
  for (const [index, figure] of figures.entries()) {
    const expected = published[index] ?? 0;
    // Waits of a second or two are within a few requests' noise.
    expect(Math.abs(figure - expected), `${name}: ${figures.join(' ')}`).toBeLessThanOrEqual(share * expected + 1);
  }
}

it('Belady drops what is needed last', () => {
  expect(countBeladyLoads([1, 2, 3, 1, 2, 3], 2)).toBe(4);
  expect(countBeladyLoads([1, 2, 1, 2], 2)).toBe(2);
});

it('a moonshot that asks for more than its figure is not reached by the figure alone', () => {
  const goal = { id: 'A0', what: '', bar: 2, moonshot: 1, isLowerBetter: true };
  const measure = (missesMoonshot?: string) => () => ({ figure: 0.5, violations: [], missesMoonshot, detail: {} });
  const round = { seed: 1, tries: 1, jobs: undefined, clock: () => 0 };
  expect(measureGoal({ ...goal, measure: measure() }, round).reaches).toBe('moonshot');
  expect(measureGoal({ ...goal, measure: measure('p99 too') }, round).reaches).toBe('bar');
});
