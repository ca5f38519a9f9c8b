import { expect, test } from 'vitest';
import { type JsonValue, LosslessNumber } from '../json.ts';
import { equalsPython, holdsNonFinite, repr, toFloat, toInt } from './python-value.ts';

const lossless = (text: string): LosslessNumber => new LosslessNumber(text);

// Expected values taken from CPython 3.
test.each<[JsonValue, number | bigint]>([
  [16.7, 16],
  [-1.5, -1],
  [true, 1],
  [false, 0],
  [5n, 5n],
  [lossless('1e3'), 1000],
  [lossless('16.0'), 16],
  ['16', 16],
  [' 1_6 ', 16],
  ['+5', 5],
  ['-5', -5],
  ['\t16\n', 16],
  ['\u0661\u0666', 16],
  ['\u00a016\u00a0', 16],
  ['\u0085\u0666', 6],
  ['\uff11\uff11', 11],
  ['\u096b_\u096b', 55],
  ['\u{1d7d9}\u{1d7de}', 16],
  ['007', 7],
  ['18446744073709551615', 18446744073709551615n],
  [lossless('1e20'), 100000000000000000000n],
])('int(%s) is %s', (value, expected) => {
  expect(toInt(value)).toEqual({ value: expected });
});

test.each<JsonValue>([
  '3.7',
  '1e3',
  '0x10',
  '',
  ' ',
  '1__6',
  '_16',
  '16_',
  '- 5',
  '--5',
  '+_5',
  '\x1c16',
  '16\x1f',
  '\x1c\u0666',
  '\u200b16',
  '\ufeff16',
  '\u00b2',
  '1\u00a06',
  '5\x00',
  null,
  {},
  [],
  lossless('NaN'),
  lossless('-Infinity'),
  lossless('1e400'),
  '9'.repeat(4_301),
])('int(%s) raises', (value) => {
  expect(toInt(value)).toHaveProperty('error');
});

test.each<[JsonValue, number]>([
  [5, 5],
  [true, 1],
  [0.5, 0.5],
  ['1e3', 1000],
  [' .5 ', 0.5],
  ['1_0.5', 10.5],
  ['5.', 5],
  ['1e5_0', 1e50],
  ['-1E-2', -0.01],
  ['inf', Infinity],
  ['-Infinity', -Infinity],
  ['nan', NaN],
  ['-nan', NaN],
  ['1e400', Infinity],
  ['\u0661.\u0665', 1.5],
  [2n ** 60n, 2 ** 60],
])('float(%s) is %s', (value, expected) => {
  expect(toFloat(value)).toEqual({ value: expected });
});

test.each<JsonValue>(['abc', '', '.', '1e', '1_e5', '1._5', '1__0', 'infinit', '0x1', null, {}, [], 10n ** 400n])(
  'float(%s) raises',
  (value) => {
    expect(toFloat(value)).toHaveProperty('error');
  },
);

test.each<[JsonValue, JsonValue, boolean]>([
  [1, true, true],
  [1, lossless('1.0'), true],
  [0, false, true],
  [1n, 1, true],
  ['1', 1, false],
  ['a', 'A', false],
  [null, null, true],
  [null, false, false],
  [[1, 'a'], [true, 'a'], true],
  [[1], [1, 2], false],
  [{ a: 1 }, { a: lossless('1.0') }, true],
  [{ a: 1 }, { b: 1 }, false],
  [lossless('NaN'), lossless('NaN'), false],
])('%s == %s is %s', (a, b, expected) => {
  expect(equalsPython(a, b)).toBe(expected);
  expect(equalsPython(b, a)).toBe(expected);
});

test('values are spelled as python spells them', () => {
  expect(repr([null, true, "it's", 'a"b\'c', lossless('1.0'), lossless('1e-5'), 5n, { a: [0.5] }, 'x\\y\n'])).toBe(
    `[None, True, "it's", 'a"b\\'c', 1.0, 1e-05, 5, {'a': [0.5]}, 'x\\\\y\\n']`,
  );
});

test('a number that is not finite is found at any depth', () => {
  expect(holdsNonFinite({ a: [1, { b: lossless('NaN') }] })).toBe(true);
  expect(holdsNonFinite([lossless('-1e999')])).toBe(true);
  expect(holdsNonFinite({ a: ['nan', 1, lossless('1.0')] })).toBe(false);
});
