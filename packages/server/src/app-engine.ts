// Makes everything that does the work: what is known, what runs requests, what watches over them. Every create…() but
// those of HTTP is called here. Called by app.ts.
import { DEFAULT_LIMITS } from '@comfleet/api';
import { createAppFleet } from './app-fleet.ts';
import type { AppOverrides } from './app-overrides.ts';
import type { Replicas } from './app-replicas.ts';
import { createAppScaler } from './app-scaler.ts';
import { createBilling } from './billing/create-billing.ts';
import type { Config } from './config.ts';
import type { Database } from './db/database.ts';
import type { OpenedDatabase } from './db/open-database.ts';
import { createWaker } from './db/wake.ts';
import { createDeploymentDirectory } from './deployments/directory.ts';
import { disableForFunds } from './deployments/disable-for-funds.ts';
import { createDeadlines } from './dispatch/deadlines.ts';
import { createDispatcher } from './dispatch/dispatcher.ts';
import { WATCH_TIMES } from './execution/watch.ts';
import { createInputCache } from './files/input-cache.ts';
import type { Storage } from './files/storage.ts';
import { recordInstanceEvents } from './instances/record-events.ts';
import { createSafeFetch } from './net/safe-fetch.ts';
import { endRefused } from './requests/end-refused.ts';
import { createFundsSweep } from './requests/end-unfunded.ts';
import { createLiveIndex } from './requests/live.ts';
import { createRecentlyEnded } from './requests/recently-ended.ts';
import { createRetention } from './requests/retention.ts';
import { createSimulator } from './requests/simulation/simulator.ts';
import { createWebhookBodies } from './requests/webhook-bodies.ts';
import { createRequestWrites } from './requests/writes.ts';
import type { Clock } from './telemetry/clock.ts';
import { describeError, type Log } from './telemetry/log.ts';
import { WEBHOOK_TIMES } from './webhooks/schedule.pure.ts';
import { createWebhooks } from './webhooks/webhooks.ts';
import { createObjectInfos } from './workflows/object-infos.ts';
import { createVersions } from './workflows/versions.ts';

/** For one output file, whatever its size: an instance that trickles must not hold a request for ever. */
const OUTPUT_TRANSFER_MS = 30 * 60_000;
/** A storage that is down or full for longer costs the requests that ended meanwhile. */
const STORAGE_PATIENCE_MS = 120_000;
/** How often a request may be run, whatever became of the runs before. */
export const MAX_ATTEMPTS = 3;

/** What exists before any part: the database is open and its schema is current. */
export interface AppBase {
  readonly config: Config;
  readonly version: string;
  readonly overrides: AppOverrides;
  readonly emulatorCommand: readonly string[] | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  readonly location: OpenedDatabase['location'];
  readonly db: Database;
  readonly storage: Storage;
  /** Undefined when this service is alone on its database. */
  readonly replicas: Replicas | undefined;
  /** This process must end. */
  readonly onFatal: (error: Error) => void;
}

export type AppEngine = ReturnType<typeof createEngine>;

export function createEngine(base: AppBase) {
  const { config, version, overrides, clock, log, newId, db, storage, location } = base;
  const waker = createWaker<'deployments'>();
  const inputCache = createInputCache({ storage, now: () => clock.now() });
  const safeFetch =
    overrides.safeFetch ??
    createSafeFetch({ allowPrivateHosts: config.allowPrivateHosts, userAgent: `comfleet/${version}` });

  const appFleet = createAppFleet(base, () => billing.meter);
  const { fleet, poolOf } = appFleet;
  const instanceRecorder = recordInstanceEvents({ db, fleet, log });
  const captureObjectInfo = () => fleet.captureObjectInfo();
  const objectInfos = createObjectInfos({ db });
  const versions = createVersions({ db, objectInfos, captureObjectInfo, othersMayKnow: config.providers.size > 0 });
  const directory = createDeploymentDirectory({ db, clock });
  const disable = async (of: { accountId: string; deploymentId?: string }) => {
    await disableForFunds({ db, directory }, of);
    await scaling.scaler.refresh();
  };
  const disableAll = (accountId: string) => disable({ accountId });
  const billing = createBilling({ db, clock, log, config, disable });
  const { funds } = billing;
  const live = createLiveIndex();
  const recent = createRecentlyEnded();
  const writes = createRequestWrites({ db, log });
  const dispatcher = createDispatcher({
    fleet,
    directory,
    ...(config.providers.size > 0 ? { poolOf } : {}),
    readyInMs: (deploymentId) => scaling.scaler.readyInMs(deploymentId),
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
      store: {
        storage,
        newId,
        maxFileBytes: DEFAULT_LIMITS.outputFileBytes,
        transferMs: OUTPUT_TRANSFER_MS,
        patienceMs: overrides.storagePatienceMs ?? STORAGE_PATIENCE_MS,
      },
      watchTimes: overrides.watchTimes ?? WATCH_TIMES,
      reportDeadWorker: fleet.reportDeadWorker,
      reportRun: fleet.reportRun,
      memoryOf: appFleet.memoryOf,
      sendGuard: base.replicas?.sendGuard,
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
    location,
    clock,
    log,
    safeFetch,
    times: overrides.webhookTimes ?? WEBHOOK_TIMES,
    buildBodies: createWebhookBodies({ db, cancelledWord: config.cancelledWord }),
    retentionDays: config.retentionDays,
  });
  const { stopRequest } = dispatcher;
  const scaling = createAppScaler({ base, ...appFleet, directory, dispatcher, funds, disableAll });
  const deadlines = createDeadlines({
    live,
    dispatcher,
    startTimeoutMs: config.startTimeoutMs,
    waitingDeployments: dispatcher.demand.waitingDeployments,
    hasReady: scaling.hasReady,
    whyWaiting: scaling.whyWaiting,
  });
  const { retentionDays, requestRetentionDays, inputCacheBytes } = config;
  const keptDays = { retentionDays, requestRetentionDays: Math.max(retentionDays, requestRetentionDays) };
  const retention = createRetention({ db, clock, storage, inputCache, inputCacheBytes, log, ...keptDays });
  const fundsSweep = funds && createFundsSweep({ live, funds, log, stop: stopRequest, disableAll });
  const endOfRefused = async () => {
    dispatcher.refreshLimits();
    await dispatcher.backlog.settled();
    void scaling.scaler.refresh();
    await endRefused({ live, directory, stop: stopRequest }).catch((error) =>
      log.error(describeError(error), 'ending the requests of a closed deployment'),
    );
  };

  const simulator = config.sandbox ? createSimulator({ db, clock, log, newId, live, recent, writes }) : undefined;
  return {
    waker,
    storage,
    inputCache,
    fleet,
    instanceRecorder,
    objectInfos,
    versions,
    directory,
    billing,
    funds,
    live,
    recent,
    writes,
    dispatcher,
    poolOf,
    providerCheck: appFleet.providerCheck,
    whyUnavailable: appFleet.whyUnavailable,
    scaling,
    webhooks,
    deadlines,
    retention,
    fundsSweep,
    endOfRefused,
    simulator,
  };
}
