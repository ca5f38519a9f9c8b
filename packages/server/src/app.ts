// The composition root: from a Config to a service that can be started and stopped. app-engine.ts makes what works,
// app-door.ts what callers meet; here is the order in which they start, whose reverse is the stop. run-server.ts and tests call it.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureFirstAccount } from './accounts/first-account.ts';
import { createAppDoor } from './app-door.ts';
import { createEngine, MAX_ATTEMPTS } from './app-engine.ts';
import type { AppOverrides } from './app-overrides.ts';
import type { Config } from './config.ts';
import { createDatabase } from './db/database.ts';
import { migrateJobs } from './db/jobs.ts';
import { migrate } from './db/migrate.ts';
import { openDatabase } from './db/open-database.ts';
import { persist } from './db/persist.ts';
import { recoverRequests } from './dispatch/recover.ts';
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
  const filesDir = join(config.dataDir, 'files');
  mkdirSync(filesDir, { recursive: true });

  const opened =
    overrides.database ??
    (await openDatabase({ dataDir: config.dataDir, databaseUrl: config.databaseUrl, log, onFatal }));
  const db = createDatabase({ ...opened.location, log });
  // A database that is killed during the start comes back: then these are done again.
  await persist(() => migrate(db), { withinMs: START_WITHIN_MS });
  await persist(() => migrateJobs({ ...opened.location, log }), { withinMs: START_WITHIN_MS });
  const firstAccount = {
    db,
    newId,
    dataDir: config.dataDir,
    configuredToken: config.adminToken,
  };
  const newAdminToken = await persist(() => ensureFirstAccount(firstAccount), { withinMs: START_WITHIN_MS });

  const stopTraces = await startTraces({ wish: config.traces, version, log });
  const base = {
    config,
    version,
    overrides,
    emulatorCommand,
    clock,
    log,
    newId,
    location: opened.location,
    db,
    filesDir,
  };
  const engine = createEngine(base);
  const { fleet, live, writes, dispatcher, webhooks, billing, fundsSweep, deadlines, retention, simulator } = engine;
  const stopWaking = engine.waker.on('deployments', engine.endOfRefused);
  let isReady = false;
  const notReady = () =>
    isReady ? (db.ready() ? undefined : 'the database cannot be reached') : 'the service is starting or stopping';
  const { http, events, proxy, metrics, stopWakingProxy } = createAppDoor(base, engine, notReady);

  await fleet.start();
  await recoverRequests({
    db,
    clock,
    log,
    live,
    fleet,
    writes,
    dispatcher,
    maxAttempts: MAX_ATTEMPTS,
    funds: engine.funds,
    simulator,
  });
  await billing.start((id) => fleet.get(id) !== undefined || fleet.asked().some((asked) => asked.id === id));
  await engine.endOfRefused();
  await webhooks.start();
  dispatcher.start();
  await engine.scaling.scaler.start();
  deadlines.start();
  fundsSweep?.start();
  retention.start();
  const fail = async (error: unknown): Promise<never> => {
    await stop(); // a start that fails leaves no database and no back end running
    throw error;
  };
  const url = await http.listen({ port: config.port, host: config.host }).catch(fail);
  const adminUrl = await metrics.start().catch(fail);
  isReady = true;

  let stopping: Promise<void> | undefined;
  async function stop() {
    isReady = false;
    deadlines.stop();
    const sweepStopped = fundsSweep?.stop();
    retention.stop();
    stopWaking();
    stopWakingProxy();
    // New calls are refused from here; what is under way gets its time.
    live.stopWaiting();
    events.stop();
    const graceMs = config.stopGraceMs * SHARE_OF_WORK;
    await proxy.stop();
    const closed = closeHttpServer(http, graceMs);
    const webhooksStopped = webhooks.drain(graceMs);
    await simulator?.stop();
    await engine.scaling.scaler.stop();
    await dispatcher.drain(graceMs);
    await closed;
    await writes.stop();
    await sweepStopped;
    await billing.stop();
    await webhooksStopped;
    await webhooks.stop();
    await fleet.stop();
    await engine.instanceRecorder.stop();
    await metrics.stop();
    await db.stop();
    await opened.stop();
    await stopTraces();
  }
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
