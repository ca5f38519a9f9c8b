// The webhook of an intermediate state: sent when the run begins on an instance, for requests that asked for it. Called by
// submit.ts, and by dispatch for what an earlier start left.
import type { Database } from '../db/database.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { oweStarted } from '../webhooks/owed.sql.ts';
import { type LiveRequest, type LiveWatcher, unwatch, watch } from './live.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
}

export function tellStart({ db, clock, log }: Deps, request: LiveRequest): void {
  const watcher: LiveWatcher = {
    onChange(_request, change) {
      if (change.kind !== 'status' || !request.isOnInstance) return;
      unwatch(request, watcher);
      oweStarted(db, { requestId: request.id, now: clock.now() }).catch((error: unknown) => {
        log.warn({ requestId: request.id, ...describeError(error) }, 'a webhook of an intermediate state is left out');
      });
    },
  };
  watch(request, watcher);
}
