// The composition root: from a Config to a service that can be started and stopped. app-engine.ts makes what works,
// app-door.ts what callers meet, brain.ts begins what one replica does for all; here is the order in which they start, whose
// reverse is the stop. run-server.ts and tests call it.
import { mkdirSync } from 'node:fs';
import { ensureFirstAccount } from './accounts/first-account.ts';
import { createAppDoor } from './app-door.ts';
import { createEngine } from './app-engine.ts';
import type { AppOverrides } from './app-overrides.ts';
import { advertisedUrl, connectNotices, createReplicas, hasOthers, joinReplicas } from './app-replicas.ts';
import { createBrain } from './brain.ts';
import type { Config } from './config.ts';
import { createDatabase, type Database } from './db/database.ts';
import { createFence } from './db/fence.ts';
import { migrateJobs } from './db/jobs.ts';
import { migrate } from './db/migrate.ts';
import { type OpenedDatabase, openDatabase } from './db/open-database.ts';
import { persist } from './db/persist.ts';
import { openStorage } from './files/open-storage.ts';
import { closeHttpServer } from './http/server.ts';
import { systemClock } from './telemetry/clock.ts';
import { createLog } from './telemetry/log.ts';
import { createIdSource } from './telemetry/new-id.ts';
import { startTraces } from './telemetry/start-traces.ts';

export type { AppOverrides };

const START_WITHIN_MS = 30_000;
/** Of the time that a stop may take: instances and the database need the rest of it. */
const SHARE_OF_WORK = 0.75;

export interface App {
  readonly url: string;
  /** Where /metrics and health are, with COMFLEET_ADMIN_PORT. */
  readonly adminUrl: string | undefined;
  /** Set when this start made the first account. */
  readonly newAdminToken: string | undefined;
  stop(): Promise<void>;
}

export interface AppDeps {
  readonly config: Config;
  readonly version: string;
  /** The command line of the embedded back end; used when no ComfyUI URL is configured. */
  readonly emulatorCommand: readonly string[] | undefined;
  /** The database is gone for good, or another process took over: this process must end. */
  readonly onFatal: (error: Error) => void;
  readonly overrides?: AppOverrides;
}

export async function startApp({ config, version, emulatorCommand, onFatal, overrides = {} }: AppDeps): Promise<App> {
  const clock = overrides.clock ?? systemClock;
  const log = overrides.log ?? createLog(config.logLevel);
  const newId = createIdSource(() => Date.now());
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const storage = overrides.storage ?? (await openStorage(config.storage));

  const fence = createFence({ replicaId: newId(), onDeposed: onFatal });
  const { dataDir, databaseUrl } = config;
  const opened = overrides.database ?? (await openDatabase({ dataDir, databaseUrl, log, fence, onFatal }));
  const location = overrides.isShared ? { ...opened.location, fence } : opened.location;
  const db = createDatabase({ ...location, log });
  const newAdminToken = await prepareDatabase({ db, location, config, log, newId });
  const stopTraces = await startTraces({ wish: config.traces, version, log });

  let url = '';
  const replicas =
    location.fence &&
    createReplicas({
      location,
      fence,
      db,
      log,
      ownUrl: () => config.advertiseUrl ?? advertisedUrl(url),
      onElected: () => void brain.start().catch(onFatal),
      onDeposed: onFatal,
    });
  const base = {
    config,
    version,
    overrides,
    emulatorCommand,
    clock,
    log,
    newId,
    location,
    db,
    storage,
    replicas,
    onFatal,
  };
  const engine = createEngine(base);
  const { fleet, live, writes, webhooks, billing } = engine;
  const brain = createBrain(base, engine);
  let isReady = false;
  const notReady = () =>
    isReady ? (db.ready() ? undefined : 'the database cannot be reached') : 'the service is starting or stopping';
  const { http, events, proxy, metrics } = createAppDoor(base, engine, { brain, notReady });
  const tellOthers = replicas && connectNotices(replicas, { engine, brain, endClosedProxies: proxy.endClosed, newId });
  const stopWaking = engine.waker.on('deployments', async () => {
    await Promise.allSettled([proxy.endClosed(), brain.isOn() ? engine.endOfRefused() : undefined]);
    await tellOthers?.();
  });

  const fail = async (error: unknown): Promise<never> => {
    await stop(); // a start that fails leaves no database and no back end running
    throw error;
  };
  // Submits are taken before what was accepted earlier is read, and wait behind it.
  url = await http.listen({ port: config.port, host: config.host }).catch(fail);
  await (replicas === undefined ? brain.start() : joinReplicas(replicas, brain)).catch(fail);
  const adminUrl = await metrics.start().catch(fail);
  isReady = true;

  async function stop() {
    isReady = false;
    stopWaking();
    // New calls are refused from here; what is under way gets its time.
    live.stopWaiting();
    events.stop();
    const graceMs = config.stopGraceMs * SHARE_OF_WORK;
    await proxy.stop();
    const closed = closeHttpServer(http, graceMs);
    const handOver = await hasOthers(replicas);
    await brain.stop({ graceMs, handOver });
    if (!handOver) {
      await closed;
      await writes.stop();
    }
    await billing.stop();
    await webhooks.stop();
    await fleet.stop();
    await replicas?.leader.handOver();
    await closed;
    await writes.stop();
    await engine.instanceRecorder.stop();
    await metrics.stop();
    await replicas?.notices.stop();
    await replicas?.leader.stop();
    await db.stop();
    await opened.stop();
    storage.close();
    await stopTraces();
  }
  let stopping: Promise<void> | undefined;
  return {
    url,
    adminUrl,
    newAdminToken,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

interface Prepared {
  readonly db: Database;
  readonly location: OpenedDatabase['location'];
  readonly config: Config;
  readonly log: ReturnType<typeof createLog>;
  readonly newId: () => string;
}

/** Gives the first account's token when this start made it. */
async function prepareDatabase({ db, location, config, log, newId }: Prepared): Promise<string | undefined> {
  // A database that is killed during the start comes back: then these are done again.
  await persist(() => migrate(db), { withinMs: START_WITHIN_MS });
  const firstAccount = { db, newId, dataDir: config.dataDir, configuredToken: config.adminToken };
  const [newAdminToken] = await Promise.all([
    persist(() => ensureFirstAccount(firstAccount), { withinMs: START_WITHIN_MS }),
    persist(() => migrateJobs({ ...location, log }), { withinMs: START_WITHIN_MS }),
  ]);
  return newAdminToken;
}
