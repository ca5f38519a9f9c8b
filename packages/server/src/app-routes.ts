// Gives every folder's routes the parts they use. Called once by app-door.ts; a new folder's routes are one call here.
import { DEFAULT_LIMITS } from '@comfleet/api';
import type { Account, Authenticator } from './accounts/authenticate.ts';
import { registerAccountRoutes } from './accounts/routes.ts';
import type { AppOverrides } from './app-overrides.ts';
import type { Replicas } from './app-replicas.ts';
import type { AppScaler } from './app-scaler.ts';
import type { Funds } from './billing/funds.ts';
import { costOf } from './billing/ledger.sql.ts';
import { registerBillingRoutes } from './billing/routes.ts';
import type { Brain } from './brain.ts';
import type { Config } from './config.ts';
import type { Database } from './db/database.ts';
import type { Waker } from './db/wake.ts';
import { type Deployment, type DeploymentDirectory, toDeployment } from './deployments/directory.ts';
import { DEFAULT_POOL, type Pool } from './deployments/pool.pure.ts';
import { registerDeploymentRoutes } from './deployments/routes.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import { registerEventRoutes } from './events/routes.ts';
import type { InputCache } from './files/input-cache.ts';
import type { Storage } from './files/storage.ts';
import { registerHealth } from './http/health.ts';
import type { RouteServer } from './http/serve-route.ts';
import type { Fleet } from './instances/fleet.ts';
import type { ProviderCheck } from './instances/provider-check.ts';
import { registerInstanceRoutes } from './instances/routes.ts';
import { allowedHosts } from './net/target.ts';
import type { InstanceProxy } from './proxy/proxy.ts';
import { registerProxyRoutes } from './proxy/routes.ts';
import { createRequestDoor } from './replicas/request-door.ts';
import type { EventsHub } from './requests/events/hub.ts';
import { registerHistoryRoutes } from './requests/history/routes.ts';
import type { LiveIndex } from './requests/live.ts';
import { createRequestLookup, type RequestLookup } from './requests/lookup.ts';
import type { RecentlyEnded } from './requests/recently-ended.ts';
import { registerRequestRoutes } from './requests/routes.ts';
import type { Simulator } from './requests/simulation/simulator.ts';
import type { RequestWrites } from './requests/writes.ts';
import type { Clock } from './telemetry/clock.ts';
import type { Log } from './telemetry/log.ts';
import { deliveriesOf } from './webhooks/deliveries-of.ts';
import { registerWebhookRoutes } from './webhooks/routes.ts';
import type { ObjectInfos } from './workflows/object-infos.ts';
import { registerWorkflowRoutes } from './workflows/routes.ts';
import type { Versions } from './workflows/versions.ts';

export interface AppParts {
  readonly config: Config;
  readonly overrides: AppOverrides;
  readonly version: string;
  readonly db: Database;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly waker: Waker<'deployments'>;
  readonly storage: Storage;
  readonly inputCache: InputCache;
  readonly fleet: Fleet;
  readonly objectInfos: ObjectInfos;
  readonly versions: Versions;
  readonly directory: DeploymentDirectory;
  readonly live: LiveIndex;
  readonly recent: RecentlyEnded;
  readonly events: EventsHub;
  readonly writes: RequestWrites;
  readonly dispatcher: Dispatcher;
  readonly brain: Brain;
  readonly replicas: Replicas | undefined;
  readonly poolOf: (deployment: Deployment) => Pool;
  readonly providerCheck: ProviderCheck;
  /** Why no deployment on a SKU can run now, as far as is known; undefined: one can. */
  readonly whyUnavailable: (sku: string) => string | undefined;
  readonly scaling: AppScaler;
  readonly proxy: InstanceProxy;
  readonly authenticator: Authenticator;
  /** Undefined when billing is off. */
  readonly funds: Funds | undefined;
  /** Undefined unless this is a sandbox. */
  readonly simulator: Simulator | undefined;
  /** Why calls are not taken now; undefined when they are. */
  readonly notReady: () => string | undefined;
}

export function registerRoutes(routes: RouteServer<Account>, parts: AppParts): void {
  const { config, db, clock, newId, fleet, directory, versions, objectInfos } = parts;
  const captureObjectInfo = () => fleet.captureObjectInfo();
  const role = () => (parts.replicas === undefined ? undefined : parts.brain.isWorking() ? 'brain' : 'follower');
  registerHealth(routes, { version: parts.version, notReady: parts.notReady, role });
  registerProxyRoutes(routes, parts.proxy.parts);
  const { poolOf, scaling } = parts;
  const { workOn } = parts.dispatcher;
  registerInstanceRoutes(routes, { db, clock, fleet, directory, versions, poolOf, scaling: scaling.scaler, workOn });
  registerAccountRoutes(routes, {
    db,
    clock,
    newId,
    whyUnavailable: parts.whyUnavailable,
    hardware: config.hardware,
    forgetTokens: parts.authenticator.forget,
    async accountChanged(accountId) {
      parts.authenticator.forget(accountId);
      directory.forgetAccount(accountId);
      await parts.waker.wake('deployments');
    },
  });
  registerEventRoutes(routes, { db });
  registerBillingRoutes(routes, { db, clock, funds: parts.funds });
  registerWorkflowRoutes(routes, {
    db,
    newId,
    objectInfos,
    captureObjectInfo,
    othersMayKnow: config.providers.size > 0,
    unusedVersions: config.unusedVersions,
  });
  registerDeploymentRoutes(routes, {
    db,
    newId,
    waker: parts.waker,
    directory,
    versions,
    objectInfos,
    version: parts.version,
    askOwn: (deployment) => askOwn(fleet, poolOf(deployment).key),
    listEnvironments: (deployment) => listEnvironments(fleet, poolOf(deployment).key),
    hardwareProblem: parts.providerCheck.problemOf,
    hardware: config.hardware,
    requireFunds: async (accountId) => await parts.funds?.requireFunds(accountId),
    statusOf: (row) => scaling.statusOf(toDeployment(row)),
  });
  registerWebhookRoutes(routes, { db, clock });
  registerRequests(routes, parts);
}

/** A poll is rather answered from the database than late. */
const LOADED_WITHIN_MS = 1_000;

function registerRequests(routes: RouteServer<Account>, parts: AppParts): void {
  const { config, overrides, db, clock, newId, log, directory, versions, live, dispatcher } = parts;
  const { backlog } = dispatcher;
  const untilLoaded = async () => parts.brain.isOn() && (await backlog.untilLoaded(LOADED_WITHIN_MS));
  const lookup = createRequestLookup({ db, live, recent: parts.recent, directory, untilLoaded });
  registerRequestRoutes(routes, {
    exploreOwn: parts.scaling.exploreOwn,
    db,
    clock,
    newId,
    log,
    directory,
    versions,
    inputCache: parts.inputCache,
    live,
    writes: parts.writes,
    ...createRequestDoor({ ...parts, isBrain: parts.brain.isOn, notices: parts.replicas?.notices }),
    webhookHosts: allowedHosts(config.allowPrivateHosts),
    funds: parts.funds,
    simulator: parts.simulator,
    limits: {
      maxDataUriBytes: overrides.maxDataUriBytes ?? DEFAULT_LIMITS.dataUriBytes,
      queueLimit: config.queueLimit,
    },
    lookup,
    events: parts.events,
    storage: parts.storage,
    presignedUrlSeconds: config.presignedUrlSeconds,
    cancelledWord: config.cancelledWord,
    position: dispatcher.position,
    stop: dispatcher.stopRequest,
  });
  registerHistory(routes, parts, lookup);
}

function registerHistory(routes: RouteServer<Account>, parts: AppParts, lookup: RequestLookup): void {
  const { db, clock, directory, versions, live, dispatcher } = parts;
  registerHistoryRoutes(routes, {
    db,
    clock,
    directory,
    versions,
    live,
    lookup,
    cancelledWord: parts.config.cancelledWord,
    position: dispatcher.position,
    eta: dispatcher.eta,
    whyWaiting: ({ deploymentId }) => parts.scaling.whyWaiting(deploymentId),
    deliveriesOf: (requestId) => deliveriesOf(db, requestId),
    costOf: (requestId) => costOf(db, requestId),
  });
}

/** Short enough that a model put in its place is seen by whoever looks again. */
const PREFLIGHT_AGE_MS = 3_000;

/** Starts none for that. */
async function askOwn(fleet: Fleet, pool: string) {
  return pool === DEFAULT_POOL ? undefined : { text: await fleet.captureObjectInfo(pool) };
}

async function listEnvironments(fleet: Fleet, pool: string) {
  return await Promise.all(
    fleet.ready(pool).map(async (instance) => {
      const info = await fleet.objectInfoOf(instance, PREFLIGHT_AGE_MS).catch(() => undefined); // it is gone meanwhile
      return { instanceId: instance.id, info };
    }),
  );
}
