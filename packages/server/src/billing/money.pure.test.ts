import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatUsd, readUsd, toUsd } from './money.pure.ts';

it.each([
  [0.1, 100_000],
  [0.07, 70_000],
  [1.005, 1_005_000],
  [12, 12_000_000],
  [-3.25, -3_250_000],
  [0.000001, 1],
  [999_999_999.999999, 999_999_999_999_999],
  [0, 0],
  [-0, 0],
])('%d dollars are %i microdollars', (usd, microdollars) => {
  expect(readUsd(usd)).toEqual({ kind: 'ok', microdollars });
});

it.each([0.0000001, 0.1 + 0.2, 1.2345678, Number.NaN, Number.POSITIVE_INFINITY, 1e9 + 1, 1e21])(
  '%d is no amount of money',
  (usd) => {
    expect(readUsd(usd)).toMatchObject({ kind: 'bad' });
  },
);

it('every amount up to a billion dollars survives being shown and read', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 15), max: 10 ** 15 }), (microdollars) => {
      const usd = Number(JSON.stringify(toUsd(microdollars)));
      // Below a millionth of a dollar JavaScript writes exponents; those are not amounts.
      expect(readUsd(usd)).toEqual({ kind: 'ok', microdollars: microdollars === 0 ? 0 : microdollars });
    }),
  );
});

it.each([
  [0, '$0.00'],
  [12_500_000, '$12.50'],
  [-275, '-$0.000275'],
  [1_000_100, '$1.0001'],
])('%i microdollars read %s', (microdollars, text) => {
  expect(formatUsd(microdollars)).toBe(text);
});
