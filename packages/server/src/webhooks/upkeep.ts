// What keeps deliveries whole around crashes, and bounded in time: wakes lanes whose job was lost with a process, and
// removes deliveries past their retention. Made by webhooks.ts.
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { countPending, deleteOldDeliveries, releaseAllClaims, wakeOverdue } from './deliveries.sql.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly retentionDays: number;
}

const EVERY_MS = 30_000;
/** A job that is on its way needs no second one. */
const OVERDUE_MS = 15_000;
const DAY_MS = 86_400_000;
const BATCH = 500;

export function createWebhookUpkeep(deps: Deps) {
  const { db, clock, log } = deps;
  let timer: NodeJS.Timeout | undefined;
  let under: Promise<void> = Promise.resolve();

  async function sweep(): Promise<void> {
    try {
      const now = clock.now();
      await wakeOverdue(db, { now, dueBefore: now - OVERDUE_MS });
      if (metrics.isOn()) metrics.deliveriesPending(await countPending(db));
      const before = now - deps.retentionDays * DAY_MS;
      while ((await deleteOldDeliveries(db, { before, limit: BATCH })) === BATCH) {
        // until a batch is not full
      }
    } catch (error) {
      log.warn(describeError(error), 'a sweep of webhook deliveries failed; the next one tries again');
    }
  }

  return {
    /** Before the jobs start: what an earlier life had claimed is due again, at once. */
    async recover(): Promise<void> {
      await persist(() => releaseAllClaims(db));
      const now = clock.now();
      const woken = await persist(() => wakeOverdue(db, { now, dueBefore: now }));
      if (woken > 0) log.info({ hosts: woken }, 'webhooks of an earlier start go on');
    },
    start() {
      timer = setInterval(() => {
        under = sweep();
      }, EVERY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await under;
    },
    sweep,
  };
}
