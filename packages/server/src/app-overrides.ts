// What a test of the whole service replaces: time, the back ends, the storage, the way out to the internet.
import type { OpenedDatabase } from './db/open-database.ts';
import type { BacklogPages } from './dispatch/recovery/recover.ts';
import type { WatchTimes } from './execution/watch.ts';
import type { Storage } from './files/storage.ts';
import type { Provider } from './instances/provider.ts';
import type { createStaticProvider } from './instances/providers/static.ts';
import type { SafeFetch } from './net/safe-fetch.ts';
import type { Clock } from './telemetry/clock.ts';
import type { Log } from './telemetry/log.ts';
import type { WebhookTimes } from './webhooks/schedule.pure.ts';

/** What a test replaces: time, the back ends, the storage, the way out to the internet. */
export interface AppOverrides {
  readonly clock?: Clock;
  readonly log?: Log;
  readonly providers?: (deps: {
    db: Parameters<typeof createStaticProvider>[0]['db'];
    newId: () => string;
  }) => Provider[];
  readonly storage?: Storage;
  readonly storagePatienceMs?: number;
  readonly safeFetch?: SafeFetch;
  readonly watchTimes?: WatchTimes;
  readonly webhookTimes?: WebhookTimes;
  readonly maxDataUriBytes?: number;
  readonly maxFetchBytes?: number;
  readonly fetchTimeoutMs?: number;
  /** The beat of event streams: positions each tick, heartbeats every 15. */
  readonly eventTickMs?: number;
  /** How a start reads its backlog. */
  readonly backlogPages?: BacklogPages;
  /** A database that is the test's own: nothing is started, and nobody else can be using it. */
  readonly database?: OpenedDatabase;
  /** The test's own database is shared by replicas. */
  readonly isShared?: boolean;
}
