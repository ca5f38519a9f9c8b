import { describe, expect, it } from 'vitest';
import { readInstant, readLabels } from './list-query.pure.ts';

describe('an instant in a query', () => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5);
  it.each([
    ['2026-01-02T03:04:05.123456+00:00', at + 123.456],
    ['2026-01-02T03:04:05.123456 00:00', at + 123.456],
    ['2026-01-02T03:04:05Z', at],
    ['2026-01-02T03:04:05', at],
    ['2026-01-02T05:04:05+0200', at],
    ['2026-01-02 03:04:05z', at],
    ['2026-01-02T03:04', at - 5_000],
    ['2026-01-02', Date.UTC(2026, 0, 2)],
  ])('may be written as %s', (text, expected) => {
    expect(readInstant(text)).toBeCloseTo(expected, 3);
  });

  it.each(['', 'yesterday', '2026', '2026-13-01', '2026-01-02T25:00:00Z', '1767323045', '2026-01-02T03:04:05+99:99'])(
    'is none: %s',
    (text) => {
      expect(readInstant(text)).toBeUndefined();
    },
  );
});

it('labels are read from metadata.<label>, repeated ones all of them', () => {
  const { labels, problems } = readLabels({
    'metadata.a': 'x',
    'metadata.b.c': ['1', '2'],
    status: 'failed',
    metadata: 'no',
  });
  expect(problems).toEqual([]);
  expect(labels).toEqual([
    ['a', 'x'],
    ['b.c', '1'],
    ['b.c', '2'],
  ]);
  expect(readLabels({ 'metadata.a': 'x\u0000' }).problems).toMatchObject([{ loc: ['query', 'metadata.a'] }]);
});
