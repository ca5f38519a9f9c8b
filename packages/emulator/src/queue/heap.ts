// python's heapq over queue items, comparisons included: ComfyUI keeps pending prompts in one, GET /queue shows it as it
// lies, and two items with the same number and id make the comparison itself fail. Called by prompt-queue.ts.
import { PythonError } from '../python/errors.ts';

export interface Keyed {
  number: number;
  promptId: string;
}

/** Tuple comparison: number, then id, then the graphs, which python cannot order. */
function isBefore(a: Keyed, b: Keyed): boolean {
  if (a.number !== b.number) return a.number < b.number;
  if (a.promptId !== b.promptId) return a.promptId < b.promptId;
  throw new PythonError('TypeError', "'<' not supported between instances of 'dict' and 'dict'");
}

export function heapPush<T extends Keyed>(heap: T[], item: T): void {
  heap.push(item);
  siftDown(heap, 0, heap.length - 1);
}

export function heapPop<T extends Keyed>(heap: T[]): T | undefined {
  const last = heap.pop();
  const first = heap[0];
  if (last === undefined || first === undefined) return last;
  heap[0] = last;
  siftUp(heap, 0);
  return first;
}

export function heapify<T extends Keyed>(heap: T[]): void {
  for (let position = Math.floor(heap.length / 2) - 1; position >= 0; position -= 1) siftUp(heap, position);
}

function siftDown<T extends Keyed>(heap: T[], start: number, from: number): void {
  let position = from;
  const item = at(heap, position);
  while (position > start) {
    const parentPosition = (position - 1) >> 1;
    const parent = at(heap, parentPosition);
    if (!isBefore(item, parent)) break;
    heap[position] = parent;
    position = parentPosition;
  }
  heap[position] = item;
}

function siftUp<T extends Keyed>(heap: T[], start: number): void {
  let position = start;
  const item = at(heap, position);
  let child = 2 * position + 1;
  while (child < heap.length) {
    const right = child + 1;
    if (right < heap.length && !isBefore(at(heap, child), at(heap, right))) child = right;
    heap[position] = at(heap, child);
    position = child;
    child = 2 * position + 1;
  }
  heap[position] = item;
  siftDown(heap, start, position);
}

function at<T>(heap: T[], position: number): T {
  const item = heap[position];
  if (item === undefined) throw new RangeError(`no heap item at ${position}`);
  return item;
}
