// Runs lanes (one account and host each) when the job library says that they have work; a lane that runs already is only
// told to look again, so a slow host never holds more than one of the library's workers. Made by webhooks.ts.
import { createBatcher } from '../db/batch.ts';
import type { Database } from '../db/database.ts';
import { isDatabaseUnavailable } from '../db/database-unavailable.ts';
import { persist } from '../db/persist.ts';
import type { SafeFetch } from '../net/safe-fetch.ts';
import type { Clock } from '../telemetry/clock.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { recordTries, type TryRecord, wakeLane } from './deliveries.sql.ts';
import { drainLane, type Lane } from './drain-lane.ts';
import type { DeliveryEvent, WebhookTimes } from './schedule.pure.ts';
import type { Session } from './send-page.ts';

/** What a delivery says, made when it is sent. */
export interface WantedBody {
  readonly requestId: string;
  readonly event: DeliveryEvent;
}

export interface DelivererDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly safeFetch: SafeFetch;
  readonly times: WebhookTimes;
  /** JSON texts, in order; undefined where the request is no longer kept. */
  readonly buildBodies: (wanted: readonly WantedBody[]) => Promise<readonly (string | undefined)[]>;
}

export interface Deliverer {
  /** The job's task. Resolves once nothing is due in the lane. */
  runLane(lane: string): Promise<void>;
  /** Posts under way get this long; then they are cut off, uncounted, and made by the next start. */
  stop(graceMs: number): Promise<void>;
}

/** How long a stop waits for what it must still tell the database. */
const LAST_WORD_MS = 1_000;
const GATHER_MS = 5;

/** Half of those that run at once: one account with very many hosts that hang leaves the others as many. */
const LANES_OF_ACCOUNT = 25;
/** What waits beyond is woken by the upkeep. */
const WAITING_OF_ACCOUNT = 1_000;

interface Share {
  running: number;
  readonly waiting: Set<string>;
}

export function createDeliverer(deps: DelivererDeps): Deliverer {
  const lanes = new Map<string, Lane>();
  const shares = new Map<string, Share>();
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  let isStopping = false;
  const session: Session = {
    ...deps,
    signal: stopping.signal,
    isStopping: () => isStopping,
    record: createRecorder(deps.db, stopping.signal),
  };

  async function run(name: string): Promise<void> {
    const lane = { name, isPoked: false };
    lanes.set(name, lane);
    try {
      await drainLane(session, lane);
    } catch (error) {
      // When stopping, what is not recorded is sent again by the next start. Otherwise the library tries the job again.
      if (isStopping) return;
      deps.log.warn(describeError(error), 'webhooks of a host could not be delivered; they are tried again');
      throw error;
    } finally {
      lanes.delete(name);
    }
  }

  // The lanes that waited for this one go on in its place, so that an account never has more than its share of the workers.
  async function runInShare(account: string, share: Share, first: string): Promise<void> {
    share.running += 1;
    shares.set(account, share);
    try {
      for (let name: string | undefined = first; name !== undefined; [name] = share.waiting) {
        share.waiting.delete(name);
        if (isStopping) return; // the next start wakes them
        if (!lanes.has(name)) await run(name);
      }
    } finally {
      share.running -= 1;
      if (share.running === 0) shares.delete(account);
    }
  }

  return {
    async runLane(name) {
      // The job is done with; what it stood for is left to the next start.
      if (isStopping) return await persist(() => wakeLane(deps.db, name, 0), { withinMs: LAST_WORD_MS });
      const known = lanes.get(name);
      if (known) {
        known.isPoked = true;
        return;
      }
      const account = name.slice(0, name.indexOf(' '));
      const share = shares.get(account) ?? { running: 0, waiting: new Set() };
      if (share.running >= LANES_OF_ACCOUNT) {
        if (share.waiting.size < WAITING_OF_ACCOUNT) share.waiting.add(name);
        return;
      }
      const whole = runInShare(account, share, name);
      running.add(whole);
      await whole.finally(() => running.delete(whole));
    },
    async stop(graceMs) {
      isStopping = true;
      const timer = setTimeout(() => stopping.abort(), graceMs);
      await Promise.allSettled([...running]);
      clearTimeout(timer);
      stopping.abort();
    },
  };
}

// Tries of a few milliseconds share a commit, whatever lanes they are of: nobody waits for their record.
function createRecorder(db: Database, signal: AbortSignal): (record: TryRecord) => Promise<void> {
  const records = createBatcher<TryRecord, void>({
    lanes: 1,
    flush: async (tries) => {
      await persist(() => recordTries(db, tries), { signal });
      return tries.map(() => undefined);
    },
    isItemsFault: (error) => !isDatabaseUnavailable(error),
  });
  let gathering: Promise<void> | undefined;
  return async (record) => {
    gathering ??= new Promise((resolve) => {
      setTimeout(() => {
        gathering = undefined;
        resolve();
      }, GATHER_MS);
    });
    await gathering;
    await records.add(record);
  };
}
