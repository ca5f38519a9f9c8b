// Ids are UUIDs of version 7, each once, in the order they were made also within a millisecond.
import { expect, it } from 'vitest';
import { createIdSource, isUuid } from './new-id.ts';

it('are in the order they were made, also within one millisecond', () => {
  const newId = createIdSource(() => 1_790_000_000_000);
  const ids = Array.from({ length: 2_000 }, newId);
  expect(ids).toEqual([...ids].sort());
  expect(new Set(ids).size).toBe(ids.length);
});

it('are version 7, with the time in front', () => {
  let now = 1_790_000_000_000;
  const newId = createIdSource(() => now);
  const first = newId();
  now += 1;
  expect(isUuid(first)).toBe(true);
  expect(first[14]).toBe('7');
  expect(Number.parseInt(first.replaceAll('-', '').slice(0, 12), 16)).toBe(1_790_000_000_000);
  expect(newId() > first).toBe(true);
});

it('stay different when a millisecond has more than it has places for', () => {
  const newId = createIdSource(() => 7);
  expect(new Set(Array.from({ length: 20_000 }, newId)).size).toBe(20_000);
});
