import Type, { type TSchema } from 'typebox';
import { expect, test } from 'vitest';
import { NumberLiteral } from '../testing/number-literal.ts';
import { check } from './check.ts';

const Thing = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 5 }),
  size: Type.Optional(Type.Integer({ minimum: 0, maximum: 30 })),
  ratio: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  rank: Type.Optional(Type.Enum(['low', 'high'])),
  tags: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 2 })),
  on: Type.Optional(Type.Boolean()),
  at: Type.Optional(Type.String({ format: 'date-time' })),
});

function messages(schema: TSchema, value: unknown): string[] {
  return check(schema, value).map(({ msg }) => msg);
}

test('a fitting value has no problem', () => {
  const value = { name: 'a', size: 3, ratio: 0.5, rank: 'low', tags: ['x'], on: false, at: '2026-01-02T03:04:05Z' };
  expect(check(Thing, value)).toEqual([]);
});

test('every problem is told at once, each at its field', () => {
  const value = { size: 31, ratio: 0, rank: 'hihg', tags: ['x', 1], on: 'yes', at: 'yesterday' };
  expect(check(Thing, value)).toEqual([
    { loc: ['body', 'name'], msg: 'name is missing: it must be a string of 1 to 5 characters.', type: 'missing' },
    {
      loc: ['body', 'size'],
      msg: 'size must be a whole number from 0 to 30; it is 31.',
      type: 'value_bigger_than_max',
      input: 31,
    },
    {
      loc: ['body', 'ratio'],
      msg: 'ratio must be a number greater than 0; it is 0.',
      type: 'value_smaller_than_min',
      input: 0,
    },
    {
      loc: ['body', 'rank'],
      msg: 'rank must be one of "low", "high"; it is "hihg". Did you mean "high"?',
      type: 'value_not_in_list',
      input: 'hihg',
    },
    { loc: ['body', 'tags', 1], msg: 'tags.1 must be a string, not 1.', type: 'wrong_type', input: 1 },
    { loc: ['body', 'on'], msg: 'on must be true or false, not "yes".', type: 'wrong_type', input: 'yes' },
    {
      loc: ['body', 'at'],
      msg: 'at must be an instant such as 2026-01-02T03:04:05+00:00; it is "yesterday".',
      type: 'bad_format',
      input: 'yesterday',
    },
  ]);
});

test('a body that is no object is one problem', () => {
  for (const body of [[], 'text', 5, null, new NumberLiteral('1.0')]) {
    expect(check(Thing, body)).toMatchObject([{ loc: ['body'], type: 'wrong_type' }]);
  }
  expect(messages(Thing, [])).toEqual(['The body must be a JSON object, not [].']);
});

test('null stands for a key left out, but not for a required one', () => {
  expect(check(Thing, { name: 'a', size: null, tags: null })).toEqual([]);
  expect(messages(Thing, { name: null })).toEqual(['name must be a string of 1 to 5 characters, not null.']);
});

test('a misspelt key is suggested for the missing one', () => {
  expect(messages(Thing, { nmae: 'a' })[0]).toContain('There is "nmae": is that it?');
});

test('lengths count characters, not code units', () => {
  expect(check(Thing, { name: '😀😀😀😀😀' })).toEqual([]);
  expect(messages(Thing, { name: '😀😀😀😀😀😀' })).toEqual(['name must be a string of 1 to 5 characters; it has 6.']);
  expect(check(Thing, { name: '' })).toMatchObject([{ type: 'too_short' }]);
  expect(check(Thing, { name: 'x'.repeat(1_000_000) })).toMatchObject([{ type: 'too_long' }]);
});

test('exact numbers are judged by their value', () => {
  expect(check(Thing, { name: 'a', size: 30n })).toEqual([]);
  expect(check(Thing, { name: 'a', size: new NumberLiteral('3.0') })).toEqual([]);
  expect(messages(Thing, { name: 'a', size: 2n ** 64n })).toEqual([
    'size must be a whole number from 0 to 30; it is 18446744073709551616.',
  ]);
  expect(messages(Thing, { name: 'a', size: new NumberLiteral('1e400') })[0]).toContain('not 1e400');
  expect(messages(Thing, { name: 'a', ratio: Number.NaN })[0]).toContain('not NaN');
  expect(messages(Thing, { name: 'a', size: 2.5 })[0]).toContain('not 2.5');
});

test('of a choice, the branch of the same kind says what is wrong', () => {
  const schema = Type.Object({
    hardware: Type.Union([Type.Array(Type.String(), { minItems: 1, maxItems: 1 }), Type.String()]),
  });
  expect(check(schema, { hardware: 'a' })).toEqual([]);
  expect(messages(schema, { hardware: ['a', 'b'] })).toEqual([
    'hardware must be a list with one item (a string); it has 2.',
  ]);
  expect(messages(schema, { hardware: 5 })).toEqual([
    'hardware must be a list with one item (a string) or a string, not 5.',
  ]);
});

test('a pattern is explained in words', () => {
  const schema = Type.String({ pattern: '^a+$', 'x-pattern-says': 'must be made of a' });
  expect(messages(schema, 'b')).toEqual(['The body must be made of a; it is "b".']);
});

test('half a surrogate pair is refused everywhere: it could not be stored as it came', () => {
  expect(check(Thing, { name: 'a\ud800' })).toMatchObject([{ loc: ['body', 'name'], type: 'bad_format' }]);
});

test('the values of a map are checked, whatever their keys', () => {
  const schema = Type.Record(Type.String(), Type.Object({ node: Type.String() }));
  expect(messages(schema, { a: { node: 'x' }, b: {} })).toEqual(['b.node is missing: it must be a string.']);
  const hostile: unknown = JSON.parse('{"__proto__": {"node": 1}}');
  expect(messages(schema, hostile)).toEqual(['__proto__.node must be a string, not 1.']);
});

test('a required key is not found on the prototype', () => {
  const schema = Type.Object({ toString: Type.String() });
  expect(check(schema, {})).toMatchObject([{ loc: ['body', 'toString'], type: 'missing' }]);
});

test('a long field name and a large value are cut in the message', () => {
  const schema = Type.Record(Type.String(), Type.String());
  const [problem] = check(schema, { ['k'.repeat(10_000)]: ['v'.repeat(10_000)] });
  expect(problem?.msg.length).toBeLessThan(400);
});

test.each(['2026-01-02', '2026-01-02T03:04Z', '2026-01-02 03:04:05.123456+0100', '+010000-01-01T00:00:00Z'])(
  '%s is an instant',
  (at) => expect(check(Thing, { name: 'a', at })).toEqual([]),
);

test.each(['0.5', '7', '2026', 'Jan 2026', '2026-13-01T00:00:00Z', '2026-01-02T25:00:00Z', ''])(
  '"%s" is no instant',
  (at) => expect(check(Thing, { name: 'a', at })).toMatchObject([{ loc: ['body', 'at'], type: 'bad_format' }]),
);
