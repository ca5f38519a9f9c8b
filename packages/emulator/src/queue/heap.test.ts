import { expect, it } from 'vitest';
import { PythonError } from '../python/errors.ts';
import { heapify, heapPop, heapPush, type Keyed } from './heap.ts';

const item = (number: number, promptId = `id-${number}`): Keyed => ({ number, promptId });

function drain(heap: Keyed[]): string[] {
  const ids: string[] = [];
  for (let next = heapPop(heap); next !== undefined; next = heapPop(heap)) ids.push(next.promptId);
  return ids;
}

it('gives the items back by number, and by id where numbers tie', () => {
  const heap: Keyed[] = [];
  for (const number of [5, 3, 9, -1, 7, 0]) heapPush(heap, item(number));
  heapPush(heap, item(3, 'earlier'));
  expect(drain(heap)).toEqual(['id--1', 'id-0', 'earlier', 'id-3', 'id-5', 'id-7', 'id-9']);
});

it('lies in memory as python leaves it', () => {
  const heap: Keyed[] = [];
  for (const number of [4, 2, 3, 1]) heapPush(heap, item(number));
  expect(heap.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  heap.splice(0, 1);
  heapify(heap);
  expect(heap.map(({ number }) => number)).toEqual([2, 3, 4]);
});

it('cannot compare two items of one number and id, and keeps the second all the same', () => {
  const heap = [item(1, 'same')];
  expect(() => heapPush(heap, item(1, 'same'))).toThrow(PythonError);
  expect(heap).toHaveLength(2);
});
