import { expect, test } from 'vitest';
import { editDistance, nearestNames } from './nearest.ts';

test.each([
  ['seed', 'seed', 0],
  ['sede', 'seed', 1],
  ['steps', 'step', 1],
  ['abc', 'xbc', 1],
  ['', 'ab', 2],
  ['kitten', 'sitting', 3],
])('from %s to %s it takes %d letters', (a, b, expected) => {
  expect(editDistance(a, b, 5)).toBe(expected);
});

test('the distance is not computed beyond the limit', () => {
  expect(editDistance('aaaa', 'bbbb', 2)).toBe(3);
  expect(editDistance('a', 'abcdef', 2)).toBe(3);
});

test('the closest names come first, whatever their case, and far ones not at all', () => {
  expect(nearestNames('ksampler', ['SaveImage', 'KSampler', 'KSamplerAdvanced', 'VAEDecode'])).toEqual([
    'KSampler',
    'KSamplerAdvanced',
  ]);
  expect(nearestNames('sede', ['seed', 'steps', 'cfg'])).toEqual(['seed']);
  expect(nearestNames('zzz', ['seed', 'steps'])).toEqual([]);
});

test('a hostile name costs little', () => {
  const before = process.cpuUsage();
  nearestNames(
    'x'.repeat(1_000_000),
    Array.from({ length: 20_000 }, (_, index) => `x${index}`.repeat(100)),
  );
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(1_000);
});
