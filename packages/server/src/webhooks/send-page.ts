// A page of claimed deliveries of one lane: what needs no post is ended, the rest is posted a few at a time. Called by
// drain-lane.ts.
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import type { DelivererDeps } from './deliver.ts';
import { type DueDelivery, giveUp, releaseClaims, type TryRecord } from './deliveries.sql.ts';
import { ensureSecret } from './history.sql.ts';
import { GONE_REASON } from './schedule.pure.ts';
import { makeWebhookSecret } from './sign.ts';
import { tryDelivery } from './try-delivery.ts';

export interface Session extends DelivererDeps {
  readonly db: Database;
  readonly signal: AbortSignal;
  readonly isStopping: () => boolean;
  /** Resolves once it is durable. */
  readonly record: (record: TryRecord) => Promise<void>;
}

/** Claimed deliveries, and those of them that are to be posted, with their bodies. */
export interface Page {
  readonly deliveries: readonly DueDelivery[];
  readonly claimedAt: number;
  readonly ready: readonly Ready[];
  /** For deliveries that were claimed before the account had a secret. */
  readonly key: string;
}

/** Posts under way to one host for one account. */
export const LANE_CAP = 4;
/** Longer than a page takes that begins at a slow receiver. */
export const CLAIM_MS = 60_000;

interface SentPage {
  readonly hasSuccess: boolean;
  readonly recorded: Promise<void>[];
}

export interface Ready {
  readonly delivery: DueDelivery;
  readonly body: string;
}

export async function sendPage(session: Session, page: Page): Promise<SentPage> {
  const { ready, key } = page;
  const recorded: Promise<void>[] = [];
  const unsent: DueDelivery[] = [];
  let hasSuccess = false;
  const queue = ready.values();

  async function sendNext(): Promise<void> {
    for (const { delivery, body } of queue) {
      const keys = { key: delivery.key ?? key, previousKey: delivery.previous_key ?? undefined };
      const record = maySend(session, page) ? await tryDelivery(session, { delivery, body, keys }) : undefined;
      if (record === undefined) {
        unsent.push(delivery);
        continue;
      }
      hasSuccess ||= record.outcome === 'delivered';
      const kept = session.record(record);
      kept.catch(() => undefined); // awaited by whoever asked for the page
      recorded.push(kept);
    }
  }

  await Promise.all(Array.from({ length: Math.min(LANE_CAP, ready.length) }, sendNext));
  await releaseUnsent(session, unsent);
  return { hasSuccess, recorded };
}

// A claim that runs out during the post would let another replica send it too.
function maySend(session: Session, page: Page): boolean {
  return !session.isStopping() && session.clock.now() < page.claimedAt + CLAIM_MS - session.times.timeoutMs;
}

/** Part of claiming, so that the next page is ready to be posted when its turn comes. */
export async function preparePage(
  session: Session,
  deliveries: readonly DueDelivery[],
): Promise<Pick<Page, 'ready' | 'key'>> {
  if (deliveries.length === 0) return { ready: [], key: '' };
  const isRefused = (delivery: DueDelivery) => delivery.is_url_disabled && !delivery.is_replay;
  await end(session, deliveries.filter(isRefused), { status: 'disabled', reason: GONE_REASON });
  const wanted = deliveries.filter((delivery) => !isRefused(delivery));
  const bodies = await persist(
    () => session.buildBodies(wanted.map((delivery) => ({ requestId: delivery.request_id, event: delivery.event }))),
    { signal: session.signal },
  );
  const lost = wanted.filter((_delivery, index) => bodies[index] === undefined);
  await end(session, lost, {
    status: 'failed',
    reason: 'The request is no longer kept, so there is nothing to send.',
  });
  const ready = wanted.flatMap((delivery, index): Ready[] => {
    const body = bodies[index];
    return body === undefined ? [] : [{ delivery, body }];
  });
  // One lane is one account's.
  const keyless = wanted.find((delivery) => delivery.key === null);
  return { ready, key: keyless === undefined ? '' : await makeSecret(session, keyless.account_id) };
}

function makeSecret({ db, signal }: Session, accountId: string): Promise<string> {
  const key = makeWebhookSecret();
  return persist(() => ensureSecret(db, { accountId, key }), { signal });
}

async function end(
  { db, signal }: Session,
  deliveries: readonly DueDelivery[],
  how: { status: 'failed' | 'disabled'; reason: string },
): Promise<void> {
  const ids = deliveries.map(({ id }) => id);
  if (ids.length > 0) await persist(() => giveUp(db, { ids, ...how }), { signal });
}

/** Puts claimed deliveries back; should that fail, the claim runs out by itself. */
export async function releaseUnsent({ db }: Session, deliveries: readonly DueDelivery[]): Promise<void> {
  const ids = deliveries.map(({ id }) => id);
  if (ids.length > 0) await releaseClaims(db, ids).catch(() => undefined);
}
