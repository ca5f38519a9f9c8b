// Webhooks as one part of the service: the deliverer, the jobs that tell it of work, and the upkeep around them. Made by
// app-engine.ts; requests owe deliveries through owed.sql.ts.
import type { DatabaseLocation } from '../db/connection.ts';
import { createJobs } from '../db/jobs.ts';
import { createDeliverer, type DelivererDeps } from './deliver.ts';
import { createWebhookUpkeep } from './upkeep.ts';

interface Deps extends DelivererDeps {
  /** Where the jobs connect by themselves. */
  readonly location: DatabaseLocation;
  readonly retentionDays: number;
}

export interface Webhooks {
  start(): Promise<void>;
  /** Sends nothing new; posts under way get this long. */
  drain(graceMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Accounts' hosts that are served at once. */
const LANES = 50;

export function createWebhooks(deps: Deps): Webhooks {
  const deliverer = createDeliverer(deps);
  const upkeep = createWebhookUpkeep(deps);
  const tasks = { deliver_webhooks: ({ lane }: { lane: string }) => deliverer.runLane(lane) };
  const jobs = createJobs({ ...deps.location, log: deps.log }, tasks, LANES);
  return {
    async start() {
      await upkeep.recover();
      jobs.start();
      upkeep.start();
    },
    drain: deliverer.stop,
    async stop() {
      await jobs.stop();
      await upkeep.stop();
    },
  };
}
