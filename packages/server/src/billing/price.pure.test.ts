import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chargeRun, runMsOf } from './charge-run.pure.ts';
import { priceSpan, wholeMs } from './price.pure.ts';

it.each([
  [0, 3_600_000, 990_000, 990_000],
  [0, 1_000, 990_000, 275],
  [0, 1, 990_000, 0],
  [0, 4, 990_000, 1],
  [3_599_999, 3_600_000, 990_000, 1],
  [0, 60_000, 8_750_000, 145_833],
  [5, 5, 8_750_000, 0],
])('from %i to %i ms at %i microdollars an hour costs %i', (fromMs, toMs, price, cost) => {
  expect(priceSpan({ fromMs, toMs }, price)).toBe(cost);
});

it('is rounded down exactly, however large the numbers', () => {
  const ms = fc.oneof(
    fc.integer({ min: 0, max: 10 ** 12 }),
    fc.integer({ min: 1, max: 10 ** 6 }).map((h) => h * 3_600_000 - 1),
  );
  fc.assert(
    fc.property(ms, fc.integer({ min: 0, max: 10 ** 9 }), (toMs, price) => {
      expect(BigInt(priceSpan({ fromMs: 0, toMs }, price))).toBe((BigInt(toMs) * BigInt(price)) / 3_600_000n);
    }),
    { numRuns: 1_000 },
  );
});

it('however a time is cut, its pieces cost exactly what it costs', () => {
  const cuts = fc.array(fc.integer({ min: 0, max: 10 ** 10 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(cuts, fc.integer({ min: 0, max: 10 ** 9 }), (unsorted, price) => {
      const ends = [...unsorted].sort((a, b) => a - b);
      const pieces = ends.map((toMs, index) => priceSpan({ fromMs: ends[index - 1] ?? 0, toMs }, price));
      const whole = priceSpan({ fromMs: 0, toMs: ends.at(-1) ?? 0 }, price);
      expect(pieces.reduce((sum, piece) => sum + piece, 0)).toBe(whole);
      for (const piece of pieces) expect(piece).toBeGreaterThanOrEqual(0);
    }),
  );
});

it.each([
  [1_234.9, 1_234],
  [-5, 0],
  [Number.NaN, 0],
  [Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER],
])('a measured %d ms counts as %i', (measured, whole) => {
  expect(wholeMs(measured)).toBe(whole);
});

it('a run longer than the database can hold counts as long as it can hold', () => {
  expect(runMsOf(1e15)).toBe(2 ** 31 - 1);
});

it.each([
  ['succeeded', undefined, 275],
  ["failed in the caller's graph", 10011, 275],
  ['was refused by ComfyUI', 10008, 275],
  ['was lost by its instance', 10012, undefined],
  ['could not be stored', 10006, undefined],
] as const)('a run of a second that %s costs what its caller is to answer for', (_what, errorCode, cost) => {
  expect(chargeRun(1_000, { pricePerHourMicrodollars: 990_000, errorCode })).toBe(cost);
});

it('what never ran costs nothing', () => {
  expect(chargeRun(undefined, { pricePerHourMicrodollars: 990_000, errorCode: undefined })).toBeUndefined();
});
