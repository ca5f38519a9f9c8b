// How long an instance of a pool takes from being asked for until it answers, as it was lately. Told by scaler.ts; asked for
// decisions and for what waiting requests are told.

const UNKNOWN_MS = 60_000;
/** Of the newest one: a start after a fresh image says little about the next. */
const WEIGHT = 0.3;
const KEPT = 10_000;

export interface ColdStarts {
  learn(pool: string, ms: number): void;
  /** undefined: none was seen. */
  known(pool: string): number | undefined;
  of(pool: string): number;
}

export function createColdStarts(): ColdStarts {
  const means = new Map<string, number>();
  const known = (pool: string) => means.get(pool);
  return {
    learn(pool, ms) {
      const before = means.get(pool);
      if (before === undefined && means.size >= KEPT) means.clear();
      means.set(pool, before === undefined ? ms : before + WEIGHT * (ms - before));
    },
    known,
    of: (pool) => known(pool) ?? UNKNOWN_MS,
  };
}
