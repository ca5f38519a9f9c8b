// Which PostgreSQL this start uses, and that no second service uses it: the embedded one guards its data directory, one's
// own is guarded by an advisory lock. Called by app.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseLocation, DatabaseLog } from './connection.ts';
import { isDatabaseUnavailable } from './database-unavailable.ts';
import { startEmbeddedPostgres } from './embedded.ts';
import { takeLeadership } from './leader.ts';

interface Deps {
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly log: DatabaseLog;
  readonly onFatal: (error: Error) => void;
}

export interface OpenedDatabase {
  readonly location: DatabaseLocation;
  stop(): Promise<void>;
}

const LEADER_KEY = 1;
/** A killed service's connection is noticed by PostgreSQL within this time. */
const TAKE_WITHIN_MS = 5_000;
const RETAKE_PAUSE_MS = 200;

export async function openDatabase(deps: Deps): Promise<OpenedDatabase> {
  if (deps.databaseUrl === undefined) {
    const embedded = await startEmbeddedPostgres({ dataDir: deps.dataDir, log: deps.log, onExit: deps.onFatal });
    return { location: { connection: embedded.connection }, stop: () => embedded.stop() };
  }
  return await holdDatabase(deps, { url: deps.databaseUrl });
}

// Until replicas share the work, one service at a time owns a database: two would run the same requests.
async function holdDatabase(deps: Deps, location: { url: string }): Promise<OpenedDatabase> {
  let release: () => Promise<void> = async () => undefined;
  let isStopped = false;

  async function take(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    for (;;) {
      const taken = await takeLeadership({ ...location, key: LEADER_KEY, log: deps.log, onLost: () => void retake() });
      if (taken.kind === 'leader') {
        release = () => taken.release();
        return;
      }
      if (performance.now() > until) {
        throw new Error(
          `another comfleet (${taken.holder}) uses this database. Stop it first, or give this one a database of its own.`,
        );
      }
      await sleep(RETAKE_PAUSE_MS);
    }
  }

  async function retake(): Promise<void> {
    while (!isStopped) {
      try {
        return await take(TAKE_WITHIN_MS);
      } catch (error) {
        if (!isDatabaseUnavailable(error))
          return deps.onFatal(error instanceof Error ? error : new Error(String(error)));
        await sleep(RETAKE_PAUSE_MS);
      }
    }
  }

  await take(TAKE_WITHIN_MS);
  return {
    location,
    async stop() {
      isStopped = true;
      await release();
    },
  };
}
