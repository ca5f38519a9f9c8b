// The composition root: from a Config to a service that can be started and stopped. Every create…() is called here, in
// one order whose reverse is the stop order; app-routes.ts gives its parts to the routes. run-server.ts and tests call it.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_LIMITS } from '@comfleet/api';
import { createAuthenticator } from './accounts/authenticate.ts';
import { ensureFirstAccount } from './accounts/first-account.ts';
import { openMetrics } from './app-metrics.ts';
import { registerRoutes } from './app-routes.ts';
import { createBilling } from './billing/create-billing.ts';
import type { Config } from './config.ts';
import { createDatabase } from './db/database.ts';
import { migrateJobs } from './db/jobs.ts';
import { migrate } from './db/migrate.ts';
import { type OpenedDatabase, openDatabase } from './db/open-database.ts';
import { persist } from './db/persist.ts';
import { createWaker } from './db/wake.ts';
import { createDeploymentDirectory } from './deployments/directory.ts';
import { disableForFunds } from './deployments/disable-for-funds.ts';
import { createDeadlines, describeFleet } from './dispatch/deadlines.ts';
import { createDispatcher } from './dispatch/dispatcher.ts';
import { recoverRequests } from './dispatch/recover.ts';
import { WATCH_TIMES, type WatchTimes } from './execution/watch.ts';
import { createInputCache } from './files/input-cache.ts';
import { createDiskStore } from './files/stores/disk.ts';
import { createRouteServer } from './http/serve-route.ts';
import { closeHttpServer, createHttpServer } from './http/server.ts';
import { answerSimulated } from './http/simulation-hook.ts';
import { createFleet } from './instances/fleet.ts';
import type { Provider } from './instances/provider.ts';
import { createProcessProvider } from './instances/providers/process.ts';
import { createStaticProvider } from './instances/providers/static.ts';
import { recordInstanceEvents } from './instances/record-events.ts';
import { createSafeFetch, type SafeFetch } from './net/safe-fetch.ts';
import { createProxy } from './proxy/proxy.ts';
import { endRefused } from './requests/end-refused.ts';
import { createFundsSweep } from './requests/end-unfunded.ts';
import { EventsHub } from './requests/events/hub.ts';
import { createLiveIndex } from './requests/live.ts';
import { createRecentlyEnded } from './requests/recently-ended.ts';
import { createRetention } from './requests/retention.ts';
import { createSimulator } from './requests/simulation/simulator.ts';
import { SIMULATE } from './requests/simulation/wish.pure.ts';
import { createWebhookBodies } from './requests/webhook-bodies.ts';
import { createRequestWrites } from './requests/writes.ts';
import { type Clock, systemClock } from './telemetry/clock.ts';
import { createLog, describeError, type Log } from './telemetry/log.ts';
import { createIdSource } from './telemetry/new-id.ts';
import { WEBHOOK_TIMES, type WebhookTimes } from './webhooks/schedule.pure.ts';
import { createWebhooks } from './webhooks/webhooks.ts';
import { createObjectInfos } from './workflows/object-infos.ts';
import { createVersions } from './workflows/versions.ts';

/** For one output file, whatever its size: an instance that trickles must not hold a request for ever. */
const OUTPUT_TRANSFER_MS = 30 * 60_000;

/** What a test replaces: time, the back ends, the way out to the internet. */
export interface AppOverrides {
  readonly clock?: Clock;
  readonly log?: Log;
  readonly providers?: (deps: {
    db: Parameters<typeof createStaticProvider>[0]['db'];
    newId: () => string;
  }) => Provider[];
  readonly safeFetch?: SafeFetch;
  readonly watchTimes?: WatchTimes;
  readonly webhookTimes?: WebhookTimes;
  readonly maxDataUriBytes?: number;
  readonly maxFetchBytes?: number;
  readonly fetchTimeoutMs?: number;
  /** The beat of event streams: positions each tick, heartbeats every 15. */
  readonly eventTickMs?: number;
  /** A database that is the test's own: nothing is started, and nobody else can be using it. */
  readonly database?: OpenedDatabase;
}

const START_WITHIN_MS = 30_000;
/** How often a request may be run, whatever became of the runs before. */
const MAX_ATTEMPTS = 3;
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

  const waker = createWaker<'deployments'>();
  const storage = createDiskStore({ dir: filesDir });
  const inputCache = createInputCache({ storage, now: () => clock.now() });
  const safeFetch =
    overrides.safeFetch ??
    createSafeFetch({ allowPrivateHosts: config.allowPrivateHosts, userAgent: `comfleet/${version}` });

  const providers = overrides.providers?.({ db, newId }) ?? chooseProviders();
  const fleet = createFleet({ providers, now: () => clock.now(), log });
  const instanceRecorder = recordInstanceEvents({ db, fleet, log });
  const { captureObjectInfo } = fleet;
  const objectInfos = createObjectInfos({ db });
  const versions = createVersions({ db, objectInfos, captureObjectInfo });
  const directory = createDeploymentDirectory({ db, clock });
  const disable = (of: { accountId: string; deploymentId?: string }) => disableForFunds({ db, directory }, of);
  const billing = createBilling({ db, clock, log, config, disable });
  const { funds } = billing;
  const live = createLiveIndex();
  const recent = createRecentlyEnded();
  const writes = createRequestWrites({ db, log });
  const dispatcher = createDispatcher({
    fleet,
    directory,
    newId,
    execution: {
      db,
      clock,
      log,
      live,
      recent,
      writes,
      versions,
      inputCache,
      safeFetch,
      store: { storage, newId, maxFileBytes: DEFAULT_LIMITS.outputFileBytes, transferMs: OUTPUT_TRANSFER_MS },
      watchTimes: overrides.watchTimes ?? WATCH_TIMES,
      reportDeadWorker: fleet.reportDeadWorker,
      limits: {
        runTimeoutMs: config.runTimeoutMs,
        maxFetchBytes: overrides.maxFetchBytes ?? DEFAULT_LIMITS.fetchedFileBytes,
        fetchTimeoutMs: overrides.fetchTimeoutMs ?? DEFAULT_LIMITS.fetchMs,
        maxAttempts: MAX_ATTEMPTS,
        startTimeoutMs: config.startTimeoutMs,
      },
    },
  });
  const webhooks = createWebhooks({
    db,
    location: opened.location,
    clock,
    log,
    safeFetch,
    times: overrides.webhookTimes ?? WEBHOOK_TIMES,
    buildBodies: createWebhookBodies({ db, cancelledWord: config.cancelledWord }),
    retentionDays: config.retentionDays,
  });
  const { stopRequest } = dispatcher;
  const deadlines = createDeadlines({ clock, live, fleet, dispatcher, startTimeoutMs: config.startTimeoutMs });
  const { retentionDays, requestRetentionDays } = config;
  const keptDays = { retentionDays, requestRetentionDays: Math.max(retentionDays, requestRetentionDays) };
  const retention = createRetention({ db, clock, storage, inputCache, log, ...keptDays });
  const disableAll = (accountId: string) => disable({ accountId });
  const fundsSweep = funds && createFundsSweep({ live, funds, log, stop: stopRequest, disableAll });
  const endOfRefused = async () => {
    dispatcher.refreshLimits();
    await endRefused({ live, directory, stop: stopRequest }).catch((error) =>
      log.error(describeError(error), 'ending the requests of a closed deployment'),
    );
  };
  const stopWaking = waker.on('deployments', endOfRefused);

  let isReady = false;
  const { bodyLimitBytes, errorStatus, corsOrigins } = config;
  const http = createHttpServer({ log, newId, bodyLimitBytes, errorStatus, corsOrigins });
  const simulator = config.sandbox ? createSimulator({ db, clock, log, newId, live, recent, writes }) : undefined;
  if (simulator) answerSimulated(http, { header: SIMULATE, answer: simulator.answerCall });
  const authenticator = createAuthenticator({ db, clock });
  const events = new EventsHub({
    log,
    isRefused: async (header) => (await authenticator.authenticate(header)).kind === 'refused',
    start: Date.now().toString(36),
    position: dispatcher.position,
    whyWaiting: () => (fleet.ready().length > 0 ? undefined : describeFleet(fleet)),
    tickMs: overrides.eventTickMs,
  });
  const proxyParts = { db, clock, newId, log, fleet, directory, dispatcher, authenticator, config };
  const proxy = createProxy({ ...proxyParts, watchTimes: overrides.watchTimes ?? WATCH_TIMES });
  const stopWakingProxy = waker.on('deployments', () => proxy.endClosed());
  const routes = createRouteServer({
    app: http,
    authenticate: authenticator.authenticate,
    publicUrl: {
      publicUrl: config.publicUrl,
      allowedHosts: config.allowedHosts,
      trustedProxies: config.trustedProxies,
    },
    rateLimits: config.rateLimits,
  });
  const notReady = () =>
    isReady ? (db.ready() ? undefined : 'the database cannot be reached') : 'the service is starting or stopping';
  registerRoutes(routes, {
    config,
    overrides,
    version,
    db,
    clock,
    newId,
    log,
    waker,
    storage,
    inputCache,
    fleet,
    objectInfos,
    versions,
    directory,
    live,
    recent,
    events,
    writes,
    dispatcher,
    proxy,
    authenticator,
    funds,
    simulator,
    notReady,
  });
  const metrics = openMetrics({ config, http, live, fleet, db, notReady });

  function chooseProviders(): Provider[] {
    if (config.comfyuiUrls.length > 0) return [createStaticProvider({ db, newId, urls: config.comfyuiUrls })];
    if (emulatorCommand === undefined) return [];
    return [createProcessProvider({ command: emulatorCommand, dataDir: config.dataDir, newId, log })];
  }

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
    funds,
    simulator,
  });
  await billing.start((id) => fleet.get(id) !== undefined);
  await endOfRefused();
  await webhooks.start();
  dispatcher.start();
  deadlines.start();
  fundsSweep?.start();
  retention.start();
  const url = await http.listen({ port: config.port, host: config.host }).catch(async (error: unknown) => {
    await stop(); // a start that fails leaves no database and no back end running
    throw error;
  });
  const adminUrl = await metrics.start();
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
    await dispatcher.drain(graceMs);
    await closed;
    await writes.stop();
    await sweepStopped;
    await billing.stop();
    await webhooksStopped;
    await webhooks.stop();
    await fleet.stop();
    await instanceRecorder.stop();
    await metrics.stop();
    await db.stop();
    await opened.stop();
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
