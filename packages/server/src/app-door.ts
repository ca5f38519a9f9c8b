// Makes everything that callers meet: the HTTP server, its routes, the event streams, the proxy, the metrics. Called by
// app.ts after app-engine.ts.
import { createAuthenticator } from './accounts/authenticate.ts';
import type { AppBase, AppEngine } from './app-engine.ts';
import { openMetrics } from './app-metrics.ts';
import { createInstanceFinder } from './app-providers.ts';
import { registerRoutes } from './app-routes.ts';
import type { Brain } from './brain.ts';
import type { Database } from './db/database.ts';
import { isDatabaseUnavailable } from './db/database-unavailable.ts';
import { WATCH_TIMES } from './execution/watch.ts';
import { createRouteServer } from './http/serve-route.ts';
import { createHttpServer } from './http/server.ts';
import { answerSimulated } from './http/simulation-hook.ts';
import { traceServer } from './http/trace-server.ts';
import { createProxy } from './proxy/proxy.ts';
import { createBrainAddress } from './replicas/brain-address.ts';
import { forwardCalls } from './replicas/forward-calls.ts';
import { EventsHub } from './requests/events/hub.ts';
import { isUnfinished } from './requests/requests.sql.ts';
import { SIMULATE } from './requests/simulation/wish.pure.ts';
import { isUuid } from './telemetry/new-id.ts';
import { tracing } from './telemetry/traces.ts';

interface Standing {
  readonly brain: Brain;
  /** Why calls are not taken now; undefined when they are. */
  readonly notReady: () => string | undefined;
}

export function createAppDoor(base: AppBase, engine: AppEngine, { brain, notReady }: Standing) {
  const { config, overrides, clock, log, newId, db, replicas } = base;
  const { fleet, directory, live, dispatcher, scaling, simulator } = engine;
  const { bodyLimitBytes, errorStatus, corsOrigins } = config;
  const http = createHttpServer({ log, newId, bodyLimitBytes, errorStatus, corsOrigins });
  if (tracing() !== undefined) traceServer(http);
  if (simulator) answerSimulated(http, { header: SIMULATE, answer: simulator.answerCall });
  if (replicas !== undefined) {
    forwardCalls(http, {
      brain: createBrainAddress({ leader: replicas.leader, isHere: brain.isOn }),
      ownUrl: replicas.ownUrl,
      isLive: (id) => isLive(db, id),
      isSandbox: config.sandbox,
      isUnjudged: (id) => isUnjudged(engine, id),
      onChanged: directory.forget,
    });
  }
  const authenticator = createAuthenticator({ db, clock });
  const events = new EventsHub({
    log,
    isRefused: async (header) => (await authenticator.authenticate(header)).kind === 'refused',
    start: Date.now().toString(36),
    position: dispatcher.position,
    whyWaiting: ({ deploymentId }) =>
      scaling.hasReady(deploymentId) ? undefined : scaling.whyWaitingBriefly(deploymentId),
    tickMs: overrides.eventTickMs,
  });
  const proxyParts = { db, clock, newId, log, fleet, directory, dispatcher, authenticator, config };
  const proxy = createProxy({ ...proxyParts, watchTimes: overrides.watchTimes ?? WATCH_TIMES });
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
  registerRoutes(routes, { ...base, ...engine, brain, events, proxy, authenticator, notReady });
  const sources = { live, fleet, db, scaleTarget: scaling.scaler.target, isBrain: brain.isWorking };
  const metrics = openMetrics({ config, http, notReady, isInstance: createInstanceFinder(base), ...sources });
  return { http, events, proxy, metrics };
}

// While the database is away the brain answers: it has the living in memory.
async function isLive(db: Database, requestId: string): Promise<boolean> {
  if (!isUuid(requestId)) return false;
  try {
    return await isUnfinished(db, requestId);
  } catch (error) {
    if (isDatabaseUnavailable(error)) return true;
    throw error;
  }
}

// Whatever is wrong with it is said where the request is judged.
async function isUnjudged({ directory, versions }: AppEngine, deploymentId: string): Promise<boolean> {
  try {
    const deployment = await directory.find(deploymentId);
    const version = deployment && (await versions.load(deployment.versionId));
    return version !== undefined && version.objectInfoSha256 === undefined;
  } catch {
    return false;
  }
}
