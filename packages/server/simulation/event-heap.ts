// The events to come, earliest first; events of the same moment in the order they were added. Used by the engines.

export interface EventHeap {
  readonly size: number;
  /** When the first one is due; Infinity when there is none. */
  readonly nextAt: number;
  push(at: number, what: number): void;
  /** -1 when there is none. */
  pop(): number;
}

/** What happens is a whole number that the engine gives a meaning: no object is made per event. */
export function createEventHeap(): EventHeap {
  const times: number[] = [];
  const orders: number[] = [];
  const whats: number[] = [];
  let added = 0;

  const isBefore = (a: number, b: number) => {
    const [first = 0, second = 0] = [times[a], times[b]];
    return first < second || (first === second && (orders[a] ?? 0) < (orders[b] ?? 0));
  };

  function put(index: number, at: number, order: number, what: number) {
    times[index] = at;
    orders[index] = order;
    whats[index] = what;
  }

  function earlierChild(hole: number): number {
    const child = 2 * hole + 1;
    return child + 1 < times.length && isBefore(child + 1, child) ? child + 1 : child;
  }

  function sink(at: number, order: number, what: number) {
    let hole = 0;
    for (let child = earlierChild(0); child < times.length; child = earlierChild(hole)) {
      const childAt = times[child] ?? 0;
      if (at < childAt || (at === childAt && order < (orders[child] ?? 0))) break;
      put(hole, childAt, orders[child] ?? 0, whats[child] ?? 0);
      hole = child;
    }
    put(hole, at, order, what);
  }

  return {
    get size() {
      return times.length;
    },
    get nextAt() {
      return times[0] ?? Number.POSITIVE_INFINITY;
    },
    push(at, what) {
      let hole = times.length;
      const order = added++;
      put(hole, at, order, what);
      while (hole > 0) {
        const parent = (hole - 1) >> 1;
        if ((times[parent] ?? 0) <= at) break;
        put(hole, times[parent] ?? 0, orders[parent] ?? 0, whats[parent] ?? 0);
        hole = parent;
      }
      put(hole, at, order, what);
    },
    pop() {
      const first = whats[0];
      if (first === undefined) return -1;
      const at = times.pop() ?? 0;
      const order = orders.pop() ?? 0;
      const what = whats.pop() ?? 0;
      if (times.length > 0) sink(at, order, what);
      return first;
    },
  };
}
