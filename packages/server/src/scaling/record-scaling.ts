// Tells the timeline why instances were asked for or taken out of use. Off every request's path; made by scaler.ts.
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import { recordEvent } from '../events/events.sql.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import type { ScaleEvent } from './act.ts';

/** While the database is away this many wait; what is decided beyond them is in the log only. */
const MOST_WAITING = 1_000;

export interface ScaleRecorder {
  record(event: ScaleEvent): void;
  /** Resolves when what happened so far is written, or cannot be. */
  stop(): Promise<void>;
}

export function createScaleRecorder({ db, log }: { db: Database; log: Log }): ScaleRecorder {
  const stopping = new AbortController();
  let waiting = 0;
  let written = Promise.resolve();
  return {
    record({ accountId, deploymentId, message }) {
      log.info({ deploymentId }, message);
      if (waiting >= MOST_WAITING) return;
      waiting += 1;
      const event = { accountId, kind: 'instance.scaled', subjectId: deploymentId, deploymentId, message };
      written = written
        .then(() => persist(() => recordEvent(db, event), { signal: stopping.signal }))
        .catch((error) => log.warn({ deploymentId, ...describeError(error) }, 'an event was not recorded'))
        .finally(() => {
          waiting -= 1;
        });
    },
    stop() {
      stopping.abort();
      return written;
    },
  };
}
