// The waiting requests of one deployment, in the order they are to run: priority, then first come. Kept by waiting.ts.
// Positions are exact without walking the queue: rank = index − head − holes before it.
import type { LiveRequest } from '../requests/live.ts';

export interface Lane {
  readonly accountId: string;
  readonly deploymentId: string;
  readonly size: number;
  push(request: LiveRequest): void;
  /** Back at the head: an attempt was lost and nobody is to overtake it. */
  pushFront(request: LiveRequest): void;
  peek(): LiveRequest | undefined;
  shift(): LiveRequest | undefined;
  remove(request: LiveRequest): boolean;
  /** 1 = next; undefined when it does not wait here. */
  rank(request: LiveRequest): number | undefined;
  /** Those that come before a request of another lane of the same account. */
  countBefore(request: LiveRequest): number;
}

export function createLane(accountId: string, deploymentId: string): Lane {
  // high, normal, low
  const rows = [createRow(), createRow(), createRow()];
  const rowOf = (request: LiveRequest) => rows[1 - Math.sign(request.priority)] ?? createRow();
  return {
    accountId,
    deploymentId,
    get size() {
      return rows.reduce((sum, row) => sum + row.size(), 0);
    },
    push: (request) => rowOf(request).push(request),
    pushFront: (request) => rowOf(request).pushFront(request),
    peek() {
      for (const row of rows) {
        const head = row.peek();
        if (head) return head;
      }
      return undefined;
    },
    shift: () => rows.find((row) => row.size() > 0)?.shift(),
    remove: (request) => rowOf(request).remove(request),
    rank(request) {
      const row = rowOf(request);
      const inRow = row.rank(request);
      if (inRow === undefined) return undefined;
      const before = rows.slice(0, rows.indexOf(row)).reduce((sum, higher) => sum + higher.size(), 0);
      return before + inRow;
    },
    countBefore(request) {
      const row = rowOf(request);
      const higher = rows.slice(0, rows.indexOf(row)).reduce((sum, each) => sum + each.size(), 0);
      return higher + row.countOlder(request.createdAt);
    },
  };
}

const COMPACT_AT = 1_024;

function createRow() {
  /** Requests that came back, oldest first; few at any time. */
  const front: LiveRequest[] = [];
  let entries: (LiveRequest | undefined)[] = [];
  /** When entries[index] came; ascending, and still there when the entry is gone. */
  let times: number[] = [];
  /** laneIndex of entries[0]; indexes stay as they were given while the array is cut. */
  let base = 0;
  let head = 0;
  /** Indexes that were taken out of the middle, ascending. */
  const holes: number[] = [];

  function skipHoles() {
    while (head < entries.length && entries[head] === undefined) head += 1;
    while (holes.length > 0 && (holes[0] ?? 0) < base + head) holes.shift();
    if (head < COMPACT_AT || head * 2 < entries.length) return;
    entries = entries.slice(head);
    times = times.slice(head);
    base += head;
    head = 0;
  }
  const size = () => front.length + entries.length - head - holes.length;
  const at = (request: LiveRequest) => (entries[request.laneIndex - base] === request ? request.laneIndex - base : -1);

  return {
    size,
    push(request: LiveRequest) {
      request.laneIndex = base + entries.push(request) - 1;
      times.push(request.createdAt);
    },
    pushFront(request: LiveRequest) {
      request.laneIndex = -1;
      front.splice(front.filter((other) => other.createdAt <= request.createdAt).length, 0, request);
    },
    peek: () => front[0] ?? entries[head],
    shift(): LiveRequest | undefined {
      if (front.length > 0) return front.shift();
      const next = entries[head];
      entries[head] = undefined;
      skipHoles();
      return next;
    },
    remove(request: LiveRequest): boolean {
      const inFront = front.indexOf(request);
      if (inFront >= 0) return front.splice(inFront, 1).length > 0;
      const index = at(request);
      if (index < head) return false;
      entries[index] = undefined;
      if (index === head) skipHoles();
      else holes.splice(countBelow(holes, base + index), 0, base + index);
      return true;
    },
    rank(request: LiveRequest): number | undefined {
      const inFront = front.indexOf(request);
      if (inFront >= 0) return inFront + 1;
      const index = at(request);
      if (index < head) return undefined;
      return front.length + index - head - countBelow(holes, base + index) + 1;
    },
    countOlder(createdAt: number): number {
      const index = Math.max(head, countBelow(times, createdAt));
      const older = front.filter((other) => other.createdAt < createdAt).length;
      return older + index - head - countBelow(holes, base + index);
    },
  };
}

/** How many of the ascending numbers are below the bound. */
function countBelow(sorted: readonly number[], bound: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
