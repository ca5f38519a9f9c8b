import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type JsonValue, LosslessNumber, parseJson, stringifyJson } from './json.ts';
import { JsonError } from './json-error.ts';

function failure(text: string, limits = {}): JsonError {
  try {
    parseJson(text, limits);
  } catch (cause) {
    if (cause instanceof JsonError) return cause;
    throw cause;
  }
  throw new Error('it was read');
}

test('an integer beyond 2^53 is read and written digit for digit', () => {
  const text = '{"seed":18446744073709551615,"low":-9007199254740993,"safe":9007199254740991}';
  expect(parseJson(text)).toEqual({ seed: 18446744073709551615n, low: -9007199254740993n, safe: 9007199254740991 });
  expect(stringifyJson(parseJson(text))).toBe(text);
});

test.each(['1.0', '-0.0', '1e3', '1E+2', '1e400', '-1.000', '0.1000000000000000055', 'NaN', 'Infinity', '-Infinity'])(
  'the literal %s keeps its own text, alone and inside',
  (literal) => {
    expect(parseJson(literal)).toEqual(new LosslessNumber(literal));
    for (const text of [`[${literal}]`, `{"a":${literal},"b":1}`, `[1,${literal}]`, `{"a" : ${literal} }`]) {
      expect(JSON.stringify(stringifyJson(parseJson(text)))).toBe(
        JSON.stringify(text.replaceAll(/ ?([:}]) ?/g, '$1').replaceAll(' ', '')),
      );
    }
  },
);

test.each(['0', '-1', '0.5', '1.50', '1e-7', '123456789.125', '0.30000000000000004'])(
  '%s is a plain number',
  (literal) => {
    expect(parseJson(`[${literal}]`)).toEqual([Number(literal)]);
  },
);

test('text that needs no care gives what JSON.parse gives, and so does the exact reader', () => {
  const plain = '{"a":[1,-2.5,true,false,null,"x\\n\\u00e9\\"1.0"],"":{},"b":[],"c":{"d":[[]]}}';
  expect(parseJson(plain)).toEqual(JSON.parse(plain));
  expect(parseJson(` ${plain.replace('{"a"', '{"z":1e3,"a"')}\n`)).toEqual({
    z: new LosslessNumber('1e3'),
    ...JSON.parse(plain),
  });
});

test.each(['', '1.0,'])('a __proto__ key is data and changes no prototype (%s)', (forcing) => {
  const value = parseJson(`[${forcing}{"__proto__":{"x":1},"constructor":2}]`);
  const object = (value as JsonValue[]).at(-1) as { [key: string]: JsonValue };
  expect(Object.keys(object)).toEqual(['__proto__', 'constructor']);
  expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  expect((object as { x?: unknown }).x).toBeUndefined();
  expect(stringifyJson(object)).toBe('{"__proto__":{"x":1},"constructor":2}');
});

test.each(['', ',"n":1.0'])('the last of two equal keys wins (%s)', (forcing) => {
  expect(parseJson(`{"a":1,"a":2${forcing}}`)).toMatchObject({ a: 2 });
});

test('a fault says where it is', () => {
  const fault = failure('{\n  "a": 1,\n  "b": oops\n}');
  expect(fault).toMatchObject({ kind: 'syntax', line: 3, column: 8, position: 19 });
  expect(fault.message).toBe('expected a value at line 3, column 8');
  expect(fault.excerpt).toContain('oops');
});

test.each([
  '',
  '{',
  '[1,]',
  '{"a"}',
  '{"a":1,}',
  "{'a':1}",
  '01',
  '1.',
  '.5',
  '+1',
  '[1 2]',
  '"\u0001"',
  '"\\x"',
  'nul',
  '[1]x',
  '"abc',
  '-',
  '1e',
  '- 1',
  'NaNN',
  '\ufeff1',
])('no JSON: %j', (text) => {
  expect(failure(text).kind).toBe('syntax');
  expect(failure(`[1.0,${text}`).kind).toBe('syntax');
});

test.each(['', '1.0,'])('nesting and keys are bounded (%s)', (forcing) => {
  const deep = (levels: number): string => `[${forcing}${'['.repeat(levels - 1)}1${']'.repeat(levels)}`;
  expect(parseJson(deep(64), { maxDepth: 64 })).toBeDefined();
  expect(failure(deep(65), { maxDepth: 64 })).toMatchObject({ kind: 'too_deep', position: 64 + forcing.length });
  const keys = `[${forcing}{"a":1,"b":2,"a":3}]`;
  expect(parseJson(keys, { maxKeys: 2 })).toBeDefined();
  expect(failure(keys, { maxKeys: 1 }).kind).toBe('too_many_keys');
});

test.each(['[', '{"a":'])('ten megabytes of %s fail at once', (opening) => {
  const before = process.cpuUsage();
  const text = opening.repeat(10_000_000 / opening.length);
  expect(failure(text).kind).toBe('too_deep');
  expect(failure(text, { maxDepth: 64 }).kind).toBe('too_deep');
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(1_000);
});

test('a number of more digits than python reads is refused instead of costing seconds', () => {
  expect(failure(`[${'9'.repeat(1_000_000)}]`).kind).toBe('number_too_long');
});

test('numbers and brackets inside strings are text', () => {
  const text = '{"a":"x: 1.0, 18446744073709551615 [[[[","b":"\\\\","c":"\\"1e3"}';
  expect(parseJson(text)).toEqual(JSON.parse(text));
});

test('for any JSON the quick and the exact reader agree, and what is written is read alike', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(undefined, 2), (text, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), null, indent);
      const value = parseJson(spaced);
      expect(parseJson(`[NaN,${spaced}]`)).toEqual([new LosslessNumber('NaN'), value]);
      expect(parseJson(stringifyJson(value))).toEqual(value);
      expect(JSON.parse(stringifyJson(value))).toEqual(JSON.parse(spaced));
    }),
    { numRuns: 1_000 },
  );
});

test('any 64-bit integer and any float comes out as it went in', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      (whole, real) => {
        const text = `{"a":${whole},"b":[${JSON.stringify(real)}]}`;
        expect(stringifyJson(parseJson(text))).toBe(text);
      },
    ),
  );
});
