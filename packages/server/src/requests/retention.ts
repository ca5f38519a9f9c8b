// Removes result files, ended requests and events of instances past their retention, idempotency keys past their day, and
// inputs nobody used for a day or that are too many. Slow and in bulk: deleting files while others are written costs the file
// system dearly. Made by app-engine.ts, started by brain.ts.
import { IDEMPOTENCY_HOURS } from '@comfleet/api';
import type { Database } from '../db/database.ts';
import { deleteOldInstanceEvents } from '../events/events.sql.ts';
import { PROBE_PREFIX } from '../files/check-storage.ts';
import type { InputCache } from '../files/input-cache.ts';
import type { Storage } from '../files/storage.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { listKnownStorageKeys, listMediaInUse } from './requests.sql.ts';
import { deleteOldFiles, deleteOldKeys, deleteOldRequests } from './retention.sql.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly storage: Storage;
  readonly inputCache: InputCache;
  readonly inputCacheBytes: number;
  readonly log: Log;
  /** Of result files, and of everything else that is kept of an ended request. */
  readonly retentionDays: number;
  readonly requestRetentionDays: number;
}

const EVERY_MS = 10 * 60_000;
const DAY_MS = 86_400_000;
const BATCH = 500;
/** What store-output.ts names its keys: out-<request id>-<own id>. */
const OUTPUT_PREFIX = 'out-';
const UUID_CHARACTERS = 36;

/** How many went. The rows go first: a file whose row is gone is nobody's. */
async function removeFiles(deps: Deps, before: number): Promise<number> {
  const gone = await deleteOldFiles(deps.db, { before, limit: BATCH });
  await deps.storage.removeAll(gone.flatMap(({ storage_key }) => storage_key ?? []));
  return gone.length;
}

async function removeRequests(deps: Deps, before: number): Promise<number> {
  const { count, keys } = await deleteOldRequests(deps.db, { before, limit: BATCH });
  await deps.storage.removeAll(keys);
  return count;
}

/** Until a batch is not full. */
async function repeat(removeBatch: () => Promise<number>): Promise<void> {
  while ((await removeBatch()) === BATCH) {
    // the next one
  }
}

/** Outputs of attempts that were lost while they were stored: bytes without a row, which nobody can ask for. */
async function removeOrphans(deps: Deps): Promise<void> {
  let batch: { key: string; requestId: string }[] = [];
  const flush = async () => {
    const known = await listKnownStorageKeys(
      deps.db,
      batch.map(({ requestId }) => requestId),
    );
    await deps.storage.removeAll(batch.flatMap(({ key }) => (known.has(key) ? [] : [key])));
    batch = [];
  };
  for await (const { key, modifiedAtMs } of deps.storage.list(OUTPUT_PREFIX)) {
    const requestId = key.slice(OUTPUT_PREFIX.length, OUTPUT_PREFIX.length + UUID_CHARACTERS);
    // One that is not named so is somebody else's, in a bucket without a prefix.
    if (deps.clock.now() - modifiedAtMs < DAY_MS || !isUuid(requestId)) continue;
    batch.push({ key, requestId });
    if (batch.length === BATCH) await flush();
  }
  if (batch.length > 0) await flush();
}

/** What checks and uploads that were killed left behind. */
async function removeLeftOvers({ storage, clock }: Deps): Promise<void> {
  for await (const { key, modifiedAtMs } of storage.list(PROBE_PREFIX)) {
    if (clock.now() - modifiedAtMs > DAY_MS) await storage.remove(key);
  }
  await storage.removeUnfinished(DAY_MS);
}

async function sweepInputs({ inputCache, inputCacheBytes, retentionDays, db }: Deps): Promise<void> {
  await inputCache.sweep({
    olderThanMs: Math.max(DAY_MS, retentionDays * DAY_MS),
    maxBytes: inputCacheBytes,
    listInUse: () => listMediaInUse(db),
  });
}

export function createRetention(deps: Deps) {
  let timer: NodeJS.Timeout | undefined;
  let isSweeping = false;

  async function sweep() {
    if (isSweeping) return;
    isSweeping = true;
    try {
      const before = deps.clock.now() - deps.retentionDays * DAY_MS;
      const requestsBefore = deps.clock.now() - deps.requestRetentionDays * DAY_MS;
      const keysBefore = deps.clock.now() - IDEMPOTENCY_HOURS * 3_600_000;
      await repeat(() => removeFiles(deps, before));
      await repeat(() => removeRequests(deps, requestsBefore));
      await repeat(() => deleteOldInstanceEvents(deps.db, { before: requestsBefore, limit: BATCH }));
      await repeat(() => deleteOldKeys(deps.db, { before: keysBefore, limit: BATCH }));
      await removeOrphans(deps);
      await removeLeftOvers(deps);
      await sweepInputs(deps);
    } catch (error) {
      deps.log.warn(describeError(error), 'a retention sweep failed; the next one tries again');
    } finally {
      isSweeping = false;
    }
  }

  const onExceeded = () =>
    void sweepInputs(deps).catch((error) =>
      deps.log.warn(
        describeError(error),
        'the inputs are too many, and could not be swept; the next sweep tries again',
      ),
    );

  return {
    start() {
      timer = setInterval(() => void sweep(), EVERY_MS);
      timer.unref();
      deps.inputCache.watch({ maxBytes: deps.inputCacheBytes, onExceeded });
    },
    stop() {
      clearInterval(timer);
      deps.inputCache.watch(undefined);
    },
    sweep,
  };
}
