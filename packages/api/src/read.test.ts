import Type from 'typebox';
import { expect, test } from 'vitest';
import { NumberLiteral } from '../testing/number-literal.ts';
import { read, readFlag, readQuery } from './read.ts';

const Body = Type.Object({
  name: Type.String(),
  size: Type.Optional(Type.Integer({ default: 7 })),
  nested: Type.Optional(Type.Object({ on: Type.Optional(Type.Boolean({ default: true })) })),
  graph: Type.Optional(Type.Unsafe<Record<string, unknown>>({ type: 'object' })),
});

test('a value read has its defaults and none of the unknown keys', () => {
  expect(read(Body, { name: 'a', other: 1, nested: {} })).toEqual({
    kind: 'ok',
    value: { name: 'a', size: 7, nested: { on: true } },
  });
});

test('null for an optional key is the same as leaving it out', () => {
  expect(read(Body, { name: 'a', size: null, nested: null })).toEqual({ kind: 'ok', value: { name: 'a', size: 7 } });
});

test('numbers come out plain where the schema has a number, and untouched inside what it leaves open', () => {
  const seed = 18446744073709551615n;
  const literal = new NumberLiteral('1.0');
  const result = read(Body, { name: 'a', size: new NumberLiteral('3.0'), graph: { seed, literal } });
  expect(result).toEqual({ kind: 'ok', value: { name: 'a', size: 3, graph: { seed, literal } } });
});

test('a value that does not fit is refused with its problems', () => {
  expect(read(Body, {})).toMatchObject({ kind: 'refused', problems: [{ loc: ['body', 'name'], type: 'missing' }] });
});

const Query = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  ids: Type.Optional(Type.Array(Type.String())),
  force: Type.Optional(Type.Boolean({ default: false })),
});

test('a query is read from its strings', () => {
  expect(readQuery(Query, { limit: '20', ids: 'a', force: 'True', other: 'x' })).toEqual({
    kind: 'ok',
    value: { limit: 20, ids: ['a'], force: true },
  });
  expect(readQuery(Query, { ids: ['a', 'b'] })).toEqual({
    kind: 'ok',
    value: { limit: 50, ids: ['a', 'b'], force: false },
  });
});

test('an empty query value is the same as leaving it out', () => {
  expect(readQuery(Query, { limit: '', force: '' })).toEqual({ kind: 'ok', value: { limit: 50, force: false } });
  expect(readQuery(Query, undefined)).toEqual({ kind: 'ok', value: { limit: 50, force: false } });
});

test('a query value that does not read as its type is a problem', () => {
  expect(readQuery(Query, { limit: 'many', force: 'perhaps' })).toMatchObject({
    problems: [
      { loc: ['query', 'limit'], msg: 'limit (in the query) must be a whole number from 1 to 200, not "many".' },
      { loc: ['query', 'force'], type: 'wrong_type' },
    ],
  });
});

test('flags are read as clients write them', () => {
  expect(['true', 'True', '1', 'false', 'FALSE', '0', 'yes', ''].map(readFlag)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
    undefined,
    undefined,
  ]);
});
