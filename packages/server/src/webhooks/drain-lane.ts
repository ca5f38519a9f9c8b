// Sends everything that is due in one lane, page by page: small pages to a slow receiver, larger ones to a quick one, with
// the next on its way. Called by deliver.ts.
import { persist } from '../db/persist.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import { claimDue, wakeLane } from './deliveries.sql.ts';
import { CLAIM_MS, LANE_CAP, type Page, preparePage, releaseUnsent, type Session, sendPage } from './send-page.ts';

export interface Lane {
  readonly name: string;
  /** Set when something was added meanwhile. */
  isPoked: boolean;
}

const PAGE_MAX = 64;
/** A page this quick lets the next be larger. */
const QUICK_MS = 500;
/** By so much two claims of one moment differ: in microseconds, as the database keeps them. */
const CLAIM_SPREAD_MS = 1_000;
/** A lane without any success goes behind the healthy ones. */
const SLOW_PRIORITY = 10;

export async function drainLane(session: Session, lane: Lane): Promise<void> {
  for (;;) {
    lane.isPoked = false;
    const { count, isStuck } = await sendAllDue(session, lane);
    if (isStuck) {
      await persist(() => wakeLane(session.db, lane.name, SLOW_PRIORITY), { signal: session.signal });
      return;
    }
    // What was recorded since the last look may have let others become due.
    if (session.isStopping() || (count === 0 && !lane.isPoked)) return;
  }
}

async function sendAllDue(session: Session, lane: Lane): Promise<{ count: number; isStuck: boolean }> {
  let size = LANE_CAP;
  let count = 0;
  let isStuck = false;
  let recorded: Promise<unknown> = Promise.resolve();
  let next = claim(session, lane, size);
  while (!isStuck) {
    const page = await next;
    if (page.deliveries.length === 0 || session.isStopping()) {
      await releaseUnsent(session, page.deliveries);
      break;
    }
    count += page.deliveries.length;
    const ahead = size === PAGE_MAX && page.deliveries.length === size ? claim(session, lane, size) : undefined;
    const startedAt = performance.now();
    const sent = await sendPage(session, page);
    recorded = alsoHandled(Promise.all([recorded, ...sent.recorded]));
    const isQuick = performance.now() - startedAt < QUICK_MS;
    isStuck = !isQuick && !sent.hasSuccess;
    size = isQuick ? Math.min(size * 2, PAGE_MAX) : LANE_CAP;
    if (isStuck) await releaseUnsent(session, (await ahead)?.deliveries ?? []);
    else next = ahead ?? claim(session, lane, size);
  }
  await recorded;
  return { count, isStuck };
}

function claim(session: Session, lane: Lane, limit: number): Promise<Page> {
  return alsoHandled(claimPage(session, lane, limit));
}

async function claimPage(session: Session, lane: Lane, limit: number): Promise<Page> {
  const claimedAt = session.clock.now();
  const until = claimedAt + CLAIM_MS + Math.random() * CLAIM_SPREAD_MS;
  const wish = { lane: lane.name, now: claimedAt, until, limit };
  const deliveries = await persist(() => claimDue(session.db, wish), { signal: session.signal });
  crashPoint('after-webhook-claim');
  return { claimedAt, deliveries, ...(await preparePage(session, deliveries)) };
}

/** It is awaited later; until then a rejection must not count as one that nobody handles. */
function alsoHandled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
