import { expect, it } from 'vitest';
import { readDays } from './usage-days.pure.ts';

const NOW = Date.parse('2026-03-01T12:34:56Z');

it('counts the last thirty days unless told otherwise', () => {
  expect(readDays({}, NOW)).toEqual({
    kind: 'ok',
    days: {
      first: '2026-01-31',
      last: '2026-03-01',
      from: Date.parse('2026-01-31T00:00:00Z'),
      until: Date.parse('2026-03-02T00:00:00Z'),
    },
  });
});

it.each([
  [{ from: '2026-02-01', to: '2026-02-28' }, '2026-02-01', '2026-02-28'],
  [{ from: '2026-02-10', to: '2026-02-10' }, '2026-02-10', '2026-02-10'],
  [{ from: '2026-02-10' }, '2026-02-10', '2026-03-01'],
  [{ to: '2026-01-30' }, '2026-01-01', '2026-01-30'],
])('%j is from %s to %s, both included', (given, first, last) => {
  expect(readDays(given, NOW)).toMatchObject({ kind: 'ok', days: { first, last } });
});

it.each([
  [{ from: '2026-02-31' }, 'query.from'],
  [{ to: '2026-13-01' }, 'query.to'],
  [{ from: '2026-02-02', to: '2026-02-01' }, 'query.from'],
  [{ from: '2020-01-01', to: '2026-02-01' }, 'query.from'],
])('%j is refused at %s', (given, loc) => {
  const read = readDays(given, NOW);
  expect(read.kind === 'refused' && read.problems.map((problem) => problem.loc.join('.'))).toEqual([loc]);
});
