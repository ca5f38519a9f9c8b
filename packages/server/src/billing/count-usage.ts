// Counts the hours that are over, once, so that a month of usage is read from a few rows an hour. Made by create-billing.ts.
import type { Database } from '../db/database.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { countHours, findFirstUse, lockCounted } from './usage.sql.ts';

const EVERY_MS = 60_000;
const HOUR_MS = 3_600_000;
/** An hour is counted this long after its end: a clock that is set back by an hour still writes into open hours. */
const SETTLED_AFTER_MS = 65 * 60_000;
/** At most this much in one transaction. */
const STEP_MS = 24 * HOUR_MS;

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
}

export function createUsageCounter({ db, clock, log }: Deps) {
  let timer: NodeJS.Timeout | undefined;
  let counting: Promise<void> | undefined;

  /** False when everything that is over is counted. */
  async function countStep(): Promise<boolean> {
    const end = hourOf(clock.now() - SETTLED_AFTER_MS);
    return await db.transaction(async (tx) => {
      const counted = await lockCounted(tx);
      const first = counted ?? (await findFirstUse(tx));
      if (first === undefined) return false;
      const from = hourOf(first);
      const until = Math.min(end, from + STEP_MS);
      if (until <= from) return false;
      await countHours(tx, { from, until });
      return until < end;
    });
  }

  async function count(): Promise<void> {
    try {
      while (await countStep()) {
        // until nothing is left
      }
    } catch (error) {
      log.warn(describeError(error), 'usage could not be counted; the next try goes on where this one stopped');
    }
  }

  function countOnce(): Promise<void> {
    counting ??= count().finally(() => {
      counting = undefined;
    });
    return counting;
  }

  return {
    start() {
      timer = setInterval(() => void countOnce(), EVERY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await counting;
    },
    count: countOnce,
  };
}

function hourOf(at: number): number {
  return Math.floor(at / HOUR_MS) * HOUR_MS;
}
