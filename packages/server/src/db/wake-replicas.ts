// Carries wake-ups between replicas on one database: what is woken here is notified once a turn of the event loop, with
// all its topics; what another replica notifies wakes the listeners here. Made in app.ts when there is a DATABASE_URL.

import type { DatabaseLog } from './connection.ts';
import type { Database } from './database.ts';
import { isDatabaseUnavailable } from './database-unavailable.ts';
import { sql } from './sql.ts';
import type { Waker } from './wake.ts';

const CHANNEL = 'comfleet_wake';

export interface ReplicaWakerDeps<Topic extends string> {
  readonly db: Database;
  readonly waker: Waker<Topic>;
  readonly topics: readonly Topic[];
  /** Tells our own notifications, which come back to us too, from the others'. */
  readonly replicaId: string;
  readonly log: DatabaseLog;
}

export interface ReplicaWaker<Topic extends string> extends Waker<Topic> {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createReplicaWaker<Topic extends string>(deps: ReplicaWakerDeps<Topic>): ReplicaWaker<Topic> {
  const { db, waker, topics, replicaId, log } = deps;
  const pending = new Set<Topic>();
  let isSending = false;
  let stopListening: (() => Promise<void>) | undefined;

  const send = async (): Promise<void> => {
    while (pending.size > 0) {
      const payload = [replicaId, ...pending].join(' ');
      pending.clear();
      try {
        await db.query(sql.named('notify_wake')`select pg_notify(${CHANNEL}, ${payload})`);
      } catch (error) {
        // The others' slow polls find the work; and when they connect again they look anyway.
        if (!isDatabaseUnavailable(error)) log.error({ err: error }, 'replicas were not woken');
      }
    }
    isSending = false;
  };

  const receive = (payload: string | undefined): void => {
    const [sender, ...named] = payload?.split(' ') ?? [];
    if (sender === replicaId) return;
    for (const topic of topics) if (payload === undefined || named.includes(topic)) void waker.wake(topic);
  };

  return {
    on: waker.on,
    wake: (topic) => {
      const delivery = waker.wake(topic);
      pending.add(topic);
      if (!isSending) {
        isSending = true;
        setImmediate(() => void send());
      }
      return delivery;
    },
    start: async () => {
      stopListening = await db.listen(CHANNEL, receive);
    },
    stop: async () => {
      await stopListening?.();
    },
  };
}
