// The webhooks of intermediate states, for requests that asked for them: that it waits, and that it runs on an instance.
// Called by submit.ts, and by dispatch for what an earlier start left.
import type { Database } from '../db/database.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { oweQueued, oweStarted } from '../webhooks/owed.sql.ts';
import { type LiveRequest, type LiveWatcher, unwatch, watch } from './live.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
}

/** Settles before the request is given to the queue, so that nothing is told before it. Never rejects. */
export async function tellQueued(deps: Deps, request: LiveRequest): Promise<void> {
  await oweQueued(deps.db, { requestId: request.id, now: deps.clock.now() }).catch(leaveOut(deps, request));
}

export function tellStart(deps: Deps, request: LiveRequest): void {
  const { db, clock } = deps;
  const watcher: LiveWatcher = {
    onChange(_request, change) {
      if (change.kind !== 'status' || !request.isOnInstance) return;
      unwatch(request, watcher);
      oweStarted(db, { requestId: request.id, now: clock.now() }).catch(leaveOut(deps, request));
    },
  };
  watch(request, watcher);
}

function leaveOut({ log }: Deps, request: LiveRequest) {
  return (error: unknown) =>
    log.warn({ requestId: request.id, ...describeError(error) }, 'a webhook of an intermediate state is left out');
}
