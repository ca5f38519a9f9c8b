// Removes result files past their retention, and inputs nobody used for a day. Slow and in bulk: deleting files while
// others are written costs the file system dearly. Started by app.ts.
import type { Database } from '../db/database.ts';
import type { InputCache } from '../files/input-cache.ts';
import type { Storage } from '../files/storage.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { deleteOldFiles, listKnownStorageKeys } from './requests.sql.ts';

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
/** What store-output.ts names its keys: out-<request id>-<own id>. */
const OUTPUT_PREFIX = 'out-';
const UUID_CHARACTERS = 36;

/** How many went. The rows go first: a file whose row is gone is nobody's. */
async function removeBatch(deps: Deps, before: number): Promise<number> {
  const gone = await deleteOldFiles(deps.db, { before, limit: BATCH });
  for (const { storage_key } of gone) if (storage_key !== null) await deps.storage.remove(storage_key);
  return gone.length;
}

/** Outputs of attempts that were lost while they were stored: bytes without a row, which nobody can ask for. */
async function removeOrphans(deps: Deps): Promise<void> {
  let batch: { key: string; requestId: string }[] = [];
  const flush = async () => {
    const known = await listKnownStorageKeys(
      deps.db,
      batch.map(({ requestId }) => requestId),
    );
    for (const { key } of batch) if (!known.has(key)) await deps.storage.remove(key);
    batch = [];
  };
  for await (const { key, modifiedAtMs } of deps.storage.list(OUTPUT_PREFIX)) {
    if (deps.clock.now() - modifiedAtMs < DAY_MS) continue;
    batch.push({ key, requestId: key.slice(OUTPUT_PREFIX.length, OUTPUT_PREFIX.length + UUID_CHARACTERS) });
    if (batch.length === BATCH) await flush();
  }
  if (batch.length > 0) await flush();
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
      await removeOrphans(deps);
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
