// Keeps trying a write that nobody else would try again, whatever the database says of it: what it is about would stay as it is
// until the next start. Called by requests/writes.ts. (While the database is away, persist.ts tries.)
import { setTimeout as sleep } from 'node:timers/promises';
import { isDatabaseUnavailable } from './database-unavailable.ts';

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 30_000;

export interface PersevereOptions {
  /** Ends the tries. */
  readonly signal: AbortSignal;
  readonly onFailed: (error: unknown, pauseMs: number) => void;
}

export async function persevere<T>(run: () => Promise<T>, { signal, onFailed }: PersevereOptions): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    try {
      return await run();
    } catch (error) {
      // What was waited for until the service stops.
      if (isDatabaseUnavailable(error) || signal.aborted) throw error;
      onFailed(error, pauseMs);
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }
}
