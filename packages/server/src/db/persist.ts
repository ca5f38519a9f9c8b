// Keeps trying a repeatable statement while the database is away: facts about finished work must not be lost to a restart
// of PostgreSQL. Called by requests/writes.ts. The statement must be harmless when an earlier try was kept unnoticed.
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailable, isDatabaseUnavailable } from './database-unavailable.ts';

const PAUSE_MS = 50;

export interface PersistOptions {
  /** Gives up after this long and throws DatabaseUnavailable; undefined: never. */
  readonly withinMs?: number;
  readonly signal?: AbortSignal;
}

export async function persist<T>(run: () => Promise<T>, options: PersistOptions = {}): Promise<T> {
  const startedAt = performance.now();
  // Once one try may have been kept, the whole stays ambiguous however clearly a later try failed.
  let ambiguous = false;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error;
      ambiguous ||= error.ambiguous;
      const spent = performance.now() - startedAt;
      const outOfTime = options.withinMs !== undefined && spent >= options.withinMs;
      if (outOfTime || options.signal?.aborted) throw new DatabaseUnavailable(ambiguous, { cause: error });
      await sleep(PAUSE_MS);
    }
  }
}
