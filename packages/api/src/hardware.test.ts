import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
import { DEFAULT_HARDWARE, DEFAULT_SKU, Hardware, viewHardware } from './hardware.ts';

test('the default catalogue has the SKUs and prices that existing programs know', () => {
  expect(
    DEFAULT_HARDWARE.map(({ sku, vramGb, pricePerHourMicrodollars }) => [sku, vramGb, pricePerHourMicrodollars]),
  ).toEqual([
    ['TURING_16', 16, 990_000],
    ['AMPERE_24', 24, 1_750_000],
    ['AMPERE_48', 48, 2_500_000],
    ['ADA_48_PLUS', 48, 2_990_000],
    ['AMPERE_80', 80, 4_990_000],
    ['ADA_80_PLUS', 80, 7_490_000],
    ['HOPPER_141', 141, 8_750_000],
  ]);
  expect(DEFAULT_HARDWARE.map(({ sku }) => sku)).toContain(DEFAULT_SKU);
});

test('a SKU is shown with its price in both forms, and no provider when the default pool runs it', () => {
  const view = DEFAULT_HARDWARE.map((sku) => viewHardware(sku, { unavailableBecause: undefined, isDefault: false }));
  expect(view[1]).toMatchObject({ price_per_hour_usd: 1.75, price_per_hour_microdollars: 1_750_000 });
  for (const shown of view) {
    expect(Compile(Hardware).Check(shown)).toBe(true);
    expect('provider' in shown).toBe(false);
  }
});
