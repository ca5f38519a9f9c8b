// How a figure of a benchmark is judged: by the median over its rounds, and not at all when a sweep found something.
import { expect, it } from 'vitest';
import { formatRow, judge } from './report.ts';
import type { Measure, Row } from './row.ts';

const RATIO: Measure = {
  name: 'rate',
  unit: '/s',
  compare: 'ratio',
  isMoreBetter: true,
  ours: [50, 80, 90],
  peer: [100, 100, 100],
  bar: 0.75,
  moonshot: 0.9,
};
const ROW: Row = {
  number: 1,
  title: 'title',
  peer: 'peer',
  wantsReal: false,
  seconds: { setup: 0, round: 0 },
  run: () => Promise.reject(new Error('not run')),
};

it('takes the median of the ratios of the rounds, with their spread', () => {
  expect(judge(RATIO, false)).toMatchObject({ median: 0.8, least: 0.5, most: 0.9, verdict: 'bar' });
});

it('knows figures of which less is better, differences and figures that stand alone', () => {
  const added: Measure = {
    ...RATIO,
    compare: 'difference',
    isMoreBetter: false,
    ours: [5],
    peer: [3],
    bar: 2,
    moonshot: 1,
  };
  expect(judge(added, false)).toMatchObject({ median: 2, verdict: 'bar' });
  expect(judge({ ...added, compare: 'alone' }, false)).toMatchObject({ median: 5, verdict: 'below' });
});

it('counts nothing when a sweep found a problem', () => {
  expect(judge(RATIO, true).verdict).toBe('void');
  const shown = formatRow(ROW, { backEnd: 'F', measures: [RATIO], problems: ['one is missing'], notes: [] });
  expect(shown).toContain('void');
  expect(shown).toContain('FAILED: one is missing');
});
