// What replicas on one database tell each other: a topic, and which rows when they are few. Coalesced, one notification a
// turn of the event loop. A notice may be lost with a connection: then everything is called with undefined, "look for
// yourself". Made in app-replicas.ts.
import type { DatabaseLog } from './connection.ts';
import type { Database } from './database.ts';
import { isDatabaseUnavailable } from './database-unavailable.ts';
import { sql } from './sql.ts';

const CHANNEL = 'comfleet_notices';
/** A payload has room for 8,000 bytes. */
const MOST_IDS = 100;

export interface Notices<Topic extends string> {
  /** Without an id: many, or all. */
  tell(topic: Topic, id?: string): void;
  /** Of what other replicas told. */
  on(topic: Topic, call: (ids: readonly string[] | undefined) => unknown): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface Deps {
  readonly db: Database;
  /** Tells our own notifications, which come back to us too, from the others'. */
  readonly replicaId: string;
  readonly log: DatabaseLog;
}

export function createNotices<Topic extends string>({ db, replicaId, log }: Deps): Notices<Topic> {
  const pending = new Map<Topic, Set<string> | 'all'>();
  const calls = new Map<Topic, (ids: readonly string[] | undefined) => unknown>();
  let sending: Promise<void> | undefined;
  let stopListening: (() => Promise<void>) | undefined;

  async function send(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (pending.size > 0) {
      const payload = [replicaId, ...[...pending].map(write)].join(' ');
      pending.clear();
      try {
        await db.query(sql.named('notify_replicas')`select pg_notify(${CHANNEL}, ${payload})`);
      } catch (error) {
        // When the others connect again they look anyway, and they poll.
        if (!isDatabaseUnavailable(error)) log.error({ err: error }, 'the other replicas could not be told');
      }
    }
    sending = undefined;
  }

  function receive(payload: string | undefined): void {
    const [sender, ...entries] = payload?.split(' ') ?? [];
    if (sender === replicaId) return;
    if (payload === undefined) for (const topic of calls.keys()) void act(topic, undefined);
    for (const entry of entries) {
      const [topic = '', ids] = entry.split('=');
      void act(topic as Topic, ids?.split(','));
    }
  }

  async function act(topic: Topic, ids: readonly string[] | undefined): Promise<void> {
    try {
      await calls.get(topic)?.(ids);
    } catch (error) {
      log.warn({ err: error, topic }, 'what another replica told could not be acted on');
    }
  }

  return {
    tell(topic, id) {
      const known = pending.get(topic) ?? new Set();
      if (id === undefined || known === 'all' || known.size >= MOST_IDS) pending.set(topic, 'all');
      else pending.set(topic, known.add(id));
      sending ??= send();
    },
    on: (topic, call) => void calls.set(topic, call),
    async start() {
      stopListening = await db.listen(CHANNEL, receive);
    },
    async stop() {
      await sending;
      await stopListening?.();
    },
  };
}

function write([topic, ids]: [string, Set<string> | 'all']): string {
  return ids === 'all' ? topic : `${topic}=${[...ids].join(',')}`;
}
