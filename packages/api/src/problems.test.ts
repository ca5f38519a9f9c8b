import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NumberLiteral } from '../testing/number-literal.ts';
import { echo, isJsonObject, isNumberLiteral, numberOf, quote } from './problems.ts';

test('a small value is echoed as it is', () => {
  for (const value of [0, 1.5, true, null, 'text', [], {}, { a: [1, 'b', null] }]) expect(echo(value)).toEqual(value);
});

test('a long string is cut and says how long it was', () => {
  expect(echo('x'.repeat(1000))).toBe(`${'x'.repeat(200)}… (1000 characters)`);
});

test('a cut never leaves half a character', () => {
  const text = `${'x'.repeat(199)}😀${'y'.repeat(50)}`;
  expect(echo(text)).toBe(`${'x'.repeat(199)}… (${text.length} characters)`);
});

test('a large object is echoed as the beginning of its text', () => {
  const large = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key${index}`, index]));
  const echoed = echo(large);
  expect(echoed).toMatch(/^\{"key0":0,"key1":1/);
  expect(String(echoed).length).toBeLessThan(300);
});

test('an exact number is echoed as a number when JSON carries it, else as its digits', () => {
  expect(echo(31n)).toBe(31);
  expect(echo(18446744073709551615n)).toBe('18446744073709551615');
  expect(echo(new NumberLiteral('1.0'))).toBe(1);
  expect(echo(new NumberLiteral('NaN'))).toBe('NaN');
  expect(echo({ seed: 2n ** 63n })).toBe('{"seed":9223372036854775808}');
});

test('whatever is echoed becomes JSON, and stays short', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (value) => {
      const text = JSON.stringify(echo(value)) ?? '';
      expect(text.length).toBeLessThan(2_000);
    }),
  );
});

test('a list nested deeper than the stack is wide is echoed without failing', () => {
  let deep: unknown = [];
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  expect(String(echo(deep))).toMatch(/^\[\[\[\[/);
});

test('a quoted string is in quotes and a quoted number is exact', () => {
  expect(quote('a')).toBe('"a"');
  expect(quote(18446744073709551615n)).toBe('18446744073709551615');
  expect(quote(new NumberLiteral('1e3'))).toBe('1e3');
  expect(quote({ a: [1] })).toBe('{"a":[1]}');
});

test('a kept literal is a number, and an object with a text is not', () => {
  expect(isNumberLiteral(new NumberLiteral('1.0'))).toBe(true);
  expect(isNumberLiteral({ text: '1.0' })).toBe(false);
  expect(isJsonObject({ text: '1.0' })).toBe(true);
  expect(isJsonObject(Object.assign(Object.create(null), { text: '1.0' }))).toBe(true);
  expect(isJsonObject(new NumberLiteral('1.0'))).toBe(false);
  expect(isJsonObject([])).toBe(false);
  expect(isJsonObject(null)).toBe(false);
});

test('a number is read from each of its forms', () => {
  expect([1, 1n, new NumberLiteral('1.0'), '1', null, {}].map(numberOf)).toEqual([
    1,
    1,
    1,
    undefined,
    undefined,
    undefined,
  ]);
});
