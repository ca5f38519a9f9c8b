import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listNearest } from './nearest.ts';

test.each([
  ['stepss', ['seed', 'steps', 'cfg'], ['steps']],
  ['Steps', ['seed', 'steps', 'cfg'], ['steps']],
  ['setps', ['seed', 'steps', 'cfg'], ['steps']],
  ['KSamper', ['KSampler', 'KSamplerAdvanced', 'VAEDecode'], ['KSampler']],
  ['sd15', ['sd15.safetensors', 'sdxl.safetensors'], ['sd15.safetensors']],
  ['text', ['clip', 'seed'], []],
  ['', ['a', 'b'], ['a', 'b']],
])('near %j in %j are %j', (name, candidates, expected) => {
  expect(listNearest(name, candidates)).toEqual(expected);
});

test('the nearest comes first and only as many as asked', () => {
  expect(listNearest('seed', ['seeds', 'seed', 'need', 'seeded'], 2)).toEqual(['seed', 'need']);
});

test('only given candidates are suggested', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), (name, candidates) => {
      const found = listNearest(name, candidates);
      expect(found.length).toBeLessThanOrEqual(3);
      for (const one of found) expect(candidates).toContain(one);
    }),
  );
});

test('a name that is there is the first suggestion', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.array(fc.string()), (name, others) => {
      expect(listNearest(name, [...others, name])[0]?.toLowerCase()).toBe(name.toLowerCase());
    }),
  );
});

test('candidates without end are read only so far', () => {
  function* names(): Generator<string> {
    for (let index = 0; ; index++) yield `name-${index}`;
  }
  expect(listNearest('name-1', names(), 1)).toEqual(['name-1']);
});
