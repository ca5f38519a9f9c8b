// Metrics as one part of the service: what they read, and the doors they are read through. Made by app-door.ts; does nothing
// unless COMFLEET_METRICS_TOKEN or COMFLEET_ADMIN_PORT is set.
import type { FastifyInstance } from 'fastify';
import type { Config } from './config.ts';
import type { Database } from './db/database.ts';
import { type AdminServer, countCalls, serveMetrics, startAdminServer } from './http/metrics-door.ts';
import type { Fleet } from './instances/fleet.ts';
import type { LiveIndex } from './requests/live.ts';
import { type Sources, turnOnMetrics } from './telemetry/metrics.ts';

interface Deps {
  readonly config: Pick<Config, 'metricsToken' | 'adminPort' | 'host'>;
  readonly http: FastifyInstance;
  readonly live: LiveIndex;
  readonly fleet: Fleet;
  readonly db: Database;
  /** How many instances are wanted over all deployments. */
  readonly scaleTarget: () => number;
  readonly isBrain: () => boolean;
  readonly notReady: () => string | undefined;
  /** Whether an address is that of an instance, which the admin port is not for. */
  readonly isInstance: ((address: string) => Promise<boolean>) | undefined;
}

export interface AppMetrics {
  /** Where the admin port listens; undefined when there is none. */
  start(): Promise<string | undefined>;
  stop(): Promise<void>;
}

const PRIORITY_WORD: Record<number, string> = { [-1]: 'low', 0: 'normal', 1: 'high' };

export function openMetrics({ config, http, notReady, isInstance, ...sources }: Deps): AppMetrics {
  const { metricsToken, adminPort, host } = config;
  if (metricsToken === undefined && adminPort === undefined) {
    return { start: async () => undefined, stop: async () => undefined };
  }
  const read = turnOnMetrics(describe(sources));
  countCalls(http);
  if (metricsToken !== undefined) serveMetrics(http, { token: metricsToken, read });
  let admin: AdminServer | undefined;
  return {
    async start() {
      const isRefused = isInstance && { isRefused: isInstance };
      if (adminPort !== undefined)
        admin = await startAdminServer({ host, port: adminPort, read, notReady, ...isRefused });
      return admin?.url;
    },
    stop: async () => await admin?.stop(),
  };
}

function describe({
  live,
  fleet,
  db,
  scaleTarget,
  isBrain,
}: Omit<Deps, 'config' | 'http' | 'notReady' | 'isInstance'>): Sources {
  const count = (isCounted: (phase: string) => boolean) => {
    const counts: Record<string, number> = { low: 0, normal: 0, high: 0 };
    for (const { phase, priority } of live.all()) {
      const word = PRIORITY_WORD[priority] ?? 'normal';
      if (isCounted(phase)) counts[word] = (counts[word] ?? 0) + 1;
    }
    return counts;
  };
  return {
    queued: () => count((phase) => phase === 'queued'),
    running: () => Object.values(count((phase) => phase !== 'queued')).reduce((sum, each) => sum + each, 0),
    instances: () => {
      const phases: Record<string, number> = { starting: 0, ready: 0, lost: 0 };
      for (const { phase } of fleet.all()) phases[phase] = (phases[phase] ?? 0) + 1;
      return phases;
    },
    scaleTarget,
    isBrain,
    pool: db.pool,
  };
}
