import { LosslessNumber } from '@comfleet/comfyui';
import { expect, it } from 'vitest';
import { dumps } from './dumps.pure.ts';

it('writes JSON as python does', () => {
  const value = { a: [1, 2.5, 'é"\n😀'], b: { c: null, d: true, left: undefined }, e: 2n ** 64n, f: [], g: {} };
  expect(dumps(value)).toBe(
    '{"a": [1, 2.5, "\\u00e9\\"\\n\\ud83d\\ude00"], "b": {"c": null, "d": true}, "e": 18446744073709551616, "f": [], "g": {}}',
  );
});

it('keeps the point of floats, and writes what JSON has no word for', () => {
  const texts = ['1.0', '1e3', '1e22', 'NaN', '-Infinity'];
  expect(dumps(texts.map((text) => new LosslessNumber(text)))).toBe('[1.0, 1000.0, 1e+22, NaN, -Infinity]');
  expect(dumps([1e-7, 0.1, -0])).toBe('[1e-07, 0.1, 0]');
});
