// Work that needs the storage, tried again while that is away or full: what waits for it is not to blame. Called where an
// attempt brings its inputs or copies an earlier run's files; other outputs have a patience of their own
// (execution/store-output.ts).
import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError } from './storage.ts';

export interface StoragePatience {
  readonly patienceMs: number;
  /** Nobody waits any more. */
  readonly signal?: AbortSignal;
  readonly longestPauseMs?: number;
}

const PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** Fails as its last try did. */
export async function waitForStorage<T>(
  work: () => Promise<T>,
  { patienceMs, signal, longestPauseMs = LONGEST_PAUSE_MS }: StoragePatience,
): Promise<T> {
  const patientUntil = performance.now() + patienceMs;
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await work();
    } catch (error) {
      if (!isStorageAway(error) || performance.now() + pauseMs > patientUntil) throw error;
      await sleep(pauseMs, undefined, signal && { signal }).catch(() => undefined);
      if (signal?.aborted) throw error;
    }
  }
}

/** What waiting may mend. */
export function isStorageAway(error: unknown): error is StorageError {
  return error instanceof StorageError && (error.kind === 'unavailable' || error.kind === 'full');
}
