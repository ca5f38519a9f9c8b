import { type JsonValue, LosslessNumber } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { coerce, isEqual, isTruthy } from './coerce.pure.ts';
import { floatRepr } from './numbers.pure.ts';
import { repr } from './text.pure.ts';

const accepted: [type: string, given: JsonValue, result: JsonValue][] = [
  ['INT', 16.7, 16],
  ['INT', -1.5, -1],
  ['INT', true, 1],
  ['INT', '16', 16],
  ['INT', ' 1_6 ', 16],
  ['INT', '-7', -7],
  ['INT', '٣', 3],
  ['INT', new LosslessNumber('1e3'), 1000],
  ['INT', '18446744073709551615', 18446744073709551615n],
  ['FLOAT', 3, new LosslessNumber('3.0')],
  ['FLOAT', true, new LosslessNumber('1.0')],
  ['FLOAT', '1e3', new LosslessNumber('1000.0')],
  ['FLOAT', ' .5 ', 0.5],
  ['FLOAT', '1_0.5', 10.5],
  ['FLOAT', 'nan', new LosslessNumber('NaN')],
  ['FLOAT', '-Infinity', new LosslessNumber('-Infinity')],
  ['STRING', null, 'None'],
  ['STRING', true, 'True'],
  ['STRING', 5, '5'],
  ['STRING', new LosslessNumber('1.0'), '1.0'],
  ['STRING', { a: 1 }, "{'a': 1}"],
  ['BOOLEAN', 'false', true],
  ['BOOLEAN', '', false],
  ['BOOLEAN', {}, false],
  ['IMAGE', 'abc', 'abc'],
];

const refused: [type: string, given: JsonValue, message: string][] = [
  ['INT', '3.7', "invalid literal for int() with base 10: '3.7'"],
  ['INT', '1e3', "invalid literal for int() with base 10: '1e3'"],
  ['INT', '0x10', "invalid literal for int() with base 10: '0x10'"],
  ['INT', '', "invalid literal for int() with base 10: ''"],
  ['INT', null, "int() argument must be a string, a bytes-like object or a real number, not 'NoneType'"],
  ['INT', { a: 1 }, "int() argument must be a string, a bytes-like object or a real number, not 'dict'"],
  ['INT', new LosslessNumber('NaN'), 'cannot convert float NaN to integer'],
  ['INT', new LosslessNumber('Infinity'), 'cannot convert float infinity to integer'],
  ['FLOAT', 'abc', "could not convert string to float: 'abc'"],
  ['FLOAT', null, "float() argument must be a string or a real number, not 'NoneType'"],
];

describe('coerce', () => {
  it.each(accepted)('turns a constant of %s, %s, into what python makes of it', (type, given, result) => {
    expect(coerce(type, given)).toEqual({ kind: 'value', value: result });
  });

  it.each(refused)('fails on a constant of %s, %s, with the words of python', (type, given, message) => {
    expect(coerce(type, given)).toEqual({ kind: 'failed', message });
  });
});

describe('python equality and truth', () => {
  it('holds numbers and booleans of one value for equal, and strings for different', () => {
    expect(isEqual(1, new LosslessNumber('1.0'))).toBe(true);
    expect(isEqual(1, true)).toBe(true);
    expect(isEqual(1, '1')).toBe(false);
    expect(isEqual([1, { a: null }], [1, { a: null }])).toBe(true);
  });

  it('holds empty containers, zero and None for false', () => {
    expect([null, 0, '', [], {}, false].map(isTruthy)).toEqual(Array(6).fill(false));
    expect(['x', 1, [0], { a: 0 }].map(isTruthy)).toEqual(Array(4).fill(true));
  });
});

describe('repr', () => {
  it('prints floats as python does', () => {
    expect([1, 0.1, 1e-7, 0.00001, 0.0001, 1e16, 1.5e300, -0].map(floatRepr)).toEqual([
      '1.0',
      '0.1',
      '1e-07',
      '1e-05',
      '0.0001',
      '1e+16',
      '1.5e+300',
      '-0.0',
    ]);
  });

  it('prefers single quotes and escapes what cannot be printed', () => {
    expect(repr("it's")).toBe('"it\'s"');
    expect(repr('a\n\u0007é\u200b')).toBe("'a\\n\\x07é\\u200b'");
    expect(repr([true, null, 'x', 2.5])).toBe("[True, None, 'x', 2.5]");
  });
});
