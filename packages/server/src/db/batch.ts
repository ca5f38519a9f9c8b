// Group commit: writes of one turn of the event loop share a statement, and while every lane is busy the next group
// collects. An idle write waits for nothing; one that nobody waits for may say how long others have to join it. One batcher
// per kind of write, made by the use case's owner.

export interface Batcher<Item, Result> {
  /** `patienceMs`: how long it may wait for others to share its statement; one without patience takes all with it. */
  add(item: Item, patienceMs?: number): Promise<Result>;
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
/** So many share a statement well: patience ends. */
const ENOUGH_ITEMS = 32;

export function createBatcher<Item, Result>(deps: BatcherDeps<Item, Result>): Batcher<Item, Result> {
  let queue: Waiting<Item, Result>[] = [];
  let busyLanes = 0;
  let scheduled = false;
  let timer: NodeJS.Timeout | undefined;
  /** When those that wait have to go at the latest. */
  let dueAt = Number.POSITIVE_INFINITY;
  let idleCalls: (() => void)[] = [];

  const schedule = (): void => {
    if (scheduled || busyLanes >= deps.lanes || queue.length === 0) return;
    const leftMs = queue.length >= ENOUGH_ITEMS ? 0 : dueAt - performance.now();
    if (leftMs > 0) {
      timer ??= setTimeout(goNow, leftMs);
      return;
    }
    scheduled = true;
    setImmediate(start);
  };

  const goNow = (): void => {
    dueAt = 0;
    schedule();
  };

  const start = (): void => {
    scheduled = false;
    clearTimeout(timer);
    timer = undefined;
    while (busyLanes < deps.lanes && queue.length > 0) {
      const size = groupSize(deps, queue);
      const group = queue.slice(0, size);
      queue = queue.slice(size);
      busyLanes += 1;
      void runGroup(deps, group).then(finishLane);
    }
    dueAt = queue.length === 0 ? Number.POSITIVE_INFINITY : 0;
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
    add: (item, patienceMs = 0) =>
      new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject });
        dueAt = patienceMs === 0 ? 0 : Math.min(dueAt, performance.now() + patienceMs);
        schedule();
      }),
    drain() {
      if (queue.length === 0 && busyLanes === 0) return Promise.resolve();
      goNow();
      return new Promise((resolve) => idleCalls.push(resolve));
    },
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
