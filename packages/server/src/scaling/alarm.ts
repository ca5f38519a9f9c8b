// One timer for the times at which pools want to be looked at again: the earliest is waited for. Used by loop.ts, so that
// any number of pools costs one timer.

export interface Alarm {
  /** Replaces what was set for the key; undefined: nothing is waited for. */
  set(key: string, at: number | undefined): void;
  stop(): void;
}

/** What setTimeout takes at most. */
const LONGEST_MS = 2 ** 31 - 1;

export function createAlarm({ now, ring }: { now: () => number; ring: (key: string) => void }): Alarm {
  const times = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

  function arm() {
    let earliest = Number.POSITIVE_INFINITY;
    for (const at of times.values()) earliest = Math.min(earliest, at);
    if (earliest === timerAt) return;
    clearTimeout(timer);
    timerAt = earliest;
    if (earliest === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(fire, Math.min(LONGEST_MS, Math.max(0, Math.ceil(earliest - now()))));
    timer.unref();
  }

  function fire() {
    timerAt = Number.POSITIVE_INFINITY;
    const due = [...times].filter(([, at]) => at <= now()).map(([key]) => key);
    for (const key of due) times.delete(key);
    for (const key of due) ring(key);
    arm();
  }

  return {
    set(key, at) {
      if (at === undefined ? !times.delete(key) : times.get(key) === at) return;
      if (at !== undefined) times.set(key, at);
      arm();
    },
    stop() {
      clearTimeout(timer);
      times.clear();
      timerAt = Number.POSITIVE_INFINITY;
    },
  };
}
