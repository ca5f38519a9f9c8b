// How accepted requests, and wishes about them, reach who runs them: directly on the brain; on any other replica through
// the database and a notice. Made by app-routes.ts for the routes of requests.
import { setTimeout as sleep } from 'node:timers/promises';
import { NOTHING_SPENT } from '../billing/funds.ts';
import type { Database } from '../db/database.ts';
import type { Notices } from '../db/notices.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { LiveIndex } from '../requests/live.ts';
import { countLive } from '../requests/recover.sql.ts';
import { isUnfinished } from '../requests/requests.sql.ts';
import type { RequestQueue } from '../requests/submit.ts';

interface Deps {
  readonly db: Database;
  readonly live: LiveIndex;
  /** The brain's own way. */
  readonly dispatcher: RequestQueue & Pick<Dispatcher, 'backlog' | 'cancelUnread'>;
  readonly isBrain: () => boolean;
  /** Undefined when there are no other replicas. */
  readonly notices: Notices<'requests' | 'cancels'> | undefined;
}

export interface RequestDoor {
  readonly queue: RequestQueue;
  readonly countWaiting: (deploymentId: string) => number | Promise<number>;
  readonly waitForEnd: (requestId: string, waitMs: number) => Promise<void>;
  readonly tellCancel: (requestId: string) => void;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

export function createRequestDoor(deps: Deps): RequestDoor {
  const { live, dispatcher, isBrain, notices } = deps;
  const counts = createCounts(deps.db);
  return {
    queue: {
      reserve: (request) => isBrain() && dispatcher.reserve(request),
      release: (request) => dispatcher.release(request),
      accept(request) {
        // One that was reserved before a hand-over is given back by dispatch.
        if (isBrain() || request.instanceId !== undefined) return dispatcher.accept(request);
        request.hold?.settle(NOTHING_SPENT);
        live.remove(request.id);
        counts.add(request.deploymentId);
        notices?.tell('requests', request.id);
      },
    },
    countWaiting: (deploymentId) =>
      isBrain()
        ? live.countWaiting(deploymentId) + dispatcher.backlog.countUnread(deploymentId)
        : counts.of(deploymentId),
    waitForEnd: (id, waitMs) => (isBrain() ? live.waitForEnd(id, waitMs) : pollForEnd(deps, id, waitMs)),
    tellCancel: (id) => (isBrain() ? dispatcher.cancelUnread(id) : notices?.tell('cancels', id)),
  };
}

async function pollForEnd({ db, isBrain, live }: Deps, id: string, waitMs: number): Promise<void> {
  const until = performance.now() + waitMs;
  let pauseMs = FIRST_PAUSE_MS;
  while (performance.now() < until) {
    if (isBrain() && live.get(id)) return await live.waitForEnd(id, until - performance.now());
    if (!(await isUnfinished(db, id))) return;
    await sleep(Math.min(pauseMs, Math.max(0, until - performance.now())));
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

const COUNTED_MS = 1_000;

/** Of all deployments at once, at most once a second, and what came through here since. */
function createCounts(db: Database) {
  let counted: Promise<Map<string, number>> | undefined;
  let countedAt = Number.NEGATIVE_INFINITY;
  return {
    add(deploymentId: string) {
      counted?.then(
        (counts) => counts.set(deploymentId, (counts.get(deploymentId) ?? 0) + 1),
        () => undefined, // it is counted anew
      );
    },
    async of(deploymentId: string): Promise<number> {
      if (counted === undefined || performance.now() - countedAt > COUNTED_MS) {
        countedAt = performance.now();
        counted = countLive(db);
        counted.catch(() => {
          counted = undefined;
        });
      }
      return (await counted).get(deploymentId) ?? 0;
    },
  };
}
