// Removes result files past their retention, and inputs nobody used for a day. Slow and in bulk: deleting files while
// others are written costs the file system dearly. Started by app.ts.
import type { Database } from '../db/database.ts';
import type { InputCache } from '../files/input-cache.ts';
import type { Storage } from '../files/storage.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { deleteOldFiles } from './requests.sql.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly storage: Storage;
  readonly inputCache: InputCache;
  readonly log: Log;
  readonly retentionDays: number;
}

const EVERY_MS = 10 * 60_000;
const DAY_MS = 86_400_000;
const BATCH = 500;

/** How many went. The rows go first: a file whose row is gone is nobody's. */
async function removeBatch(deps: Deps, before: number): Promise<number> {
  const gone = await deleteOldFiles(deps.db, { before, limit: BATCH });
  for (const { storage_key } of gone) if (storage_key !== null) await deps.storage.remove(storage_key);
  return gone.length;
}

export function createRetention(deps: Deps) {
  let timer: NodeJS.Timeout | undefined;
  let isSweeping = false;

  async function sweep() {
    if (isSweeping) return;
    isSweeping = true;
    try {
      const before = deps.clock.now() - deps.retentionDays * DAY_MS;
      while ((await removeBatch(deps, before)) === BATCH) {
        // until a batch is not full
      }
      await deps.inputCache.sweep(Math.max(DAY_MS, deps.retentionDays * DAY_MS));
    } catch (error) {
      deps.log.warn(describeError(error), 'a retention sweep failed; the next one tries again');
    } finally {
      isSweeping = false;
    }
  }

  return {
    start() {
      timer = setInterval(() => void sweep(), EVERY_MS);
      timer.unref();
    },
    stop: () => clearInterval(timer),
    sweep,
  };
}
