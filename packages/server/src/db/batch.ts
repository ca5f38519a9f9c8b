// Group commit: writes of one turn of the event loop share a statement, and while every lane is busy the next group
// collects. No timer, so an idle write waits for nothing. One batcher per kind of write, made by the use case's owner.

export interface Batcher<Item, Result> {
  add(item: Item): Promise<Result>;
  /** Resolves when everything added so far is answered. */
  drain(): Promise<void>;
  /** Items waiting for a lane, for metrics and for refusing work. */
  readonly waiting: number;
}

export interface BatcherDeps<Item, Result> {
  /** One result for each item, in order. An Error in place of a result fails that item alone. */
  readonly flush: (items: Item[]) => Promise<readonly (Result | Error)[]>;
  /** Groups in flight at once: 2 for inserts, 1 for the rest. */
  readonly lanes: number;
  readonly maxItems?: number;
  /** With `maxWeight`: bounds what one group carries (bytes), so that large payloads do not pile up in one statement. */
  readonly weigh?: (item: Item) => number;
  readonly maxWeight?: number;
  /**
   * True when the whole group failed because of something in it and nothing of it was kept (a constraint, a bad value):
   * then the group is halved and tried again until only the guilty items fail.
   */
  readonly isItemsFault?: (error: unknown) => boolean;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

const DEFAULT_MAX_ITEMS = 500;

export function createBatcher<Item, Result>(deps: BatcherDeps<Item, Result>): Batcher<Item, Result> {
  let queue: Waiting<Item, Result>[] = [];
  let busyLanes = 0;
  let scheduled = false;
  let idleCalls: (() => void)[] = [];

  const schedule = (): void => {
    if (scheduled || busyLanes >= deps.lanes || queue.length === 0) return;
    scheduled = true;
    setImmediate(start);
  };

  const start = (): void => {
    scheduled = false;
    while (busyLanes < deps.lanes && queue.length > 0) {
      const size = groupSize(deps, queue);
      const group = queue.slice(0, size);
      queue = queue.slice(size);
      busyLanes += 1;
      void runGroup(deps, group).then(finishLane);
    }
  };

  const finishLane = (): void => {
    busyLanes -= 1;
    schedule();
    if (queue.length > 0 || busyLanes > 0) return;
    const calls = idleCalls;
    idleCalls = [];
    for (const call of calls) call();
  };

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject });
        schedule();
      }),
    drain: () =>
      queue.length === 0 && busyLanes === 0 ? Promise.resolve() : new Promise((resolve) => idleCalls.push(resolve)),
    get waiting() {
      return queue.length;
    },
  };
}

function groupSize<Item, Result>(deps: BatcherDeps<Item, Result>, queue: readonly Waiting<Item, Result>[]): number {
  const most = Math.min(queue.length, deps.maxItems ?? DEFAULT_MAX_ITEMS);
  if (!deps.weigh || deps.maxWeight === undefined) return most;
  let weight = 0;
  for (let size = 0; size < most; size += 1) {
    const entry = queue[size];
    if (entry) weight += deps.weigh(entry.item);
    if (weight > deps.maxWeight) return Math.max(size, 1);
  }
  return most;
}

/** Answers every item of the group; never rejects. */
async function runGroup<Item, Result>(
  deps: BatcherDeps<Item, Result>,
  group: readonly Waiting<Item, Result>[],
): Promise<void> {
  try {
    const results = await deps.flush(group.map(({ item }) => item));
    if (results.length !== group.length) {
      throw new Error(`a flush of ${group.length} items gave ${results.length} results`);
    }
    group.forEach((entry, index) => {
      const result = results[index] as Result | Error;
      if (result instanceof Error) entry.reject(result);
      else entry.resolve(result);
    });
  } catch (error) {
    if (group.length > 1 && deps.isItemsFault?.(error)) {
      const half = group.length >> 1;
      await runGroup(deps, group.slice(0, half));
      await runGroup(deps, group.slice(half));
      return;
    }
    for (const entry of group) entry.reject(error);
  }
}
