// Background jobs on the same PostgreSQL: graphile-worker in a schema of its own. app.ts makes and stops it; a folder
// gives it tasks, and its statements add the jobs (comfleet_jobs.add_job), in the transaction that owes the work.
import { EventEmitter } from 'node:events';
import { Logger, type Runner, run, runMigrations, type TaskList, type WorkerEvents } from 'graphile-worker';
import pg from 'pg';
import { clientConfig, type DatabaseLocation, type DatabaseLog, fenced } from './connection.ts';

export const JOBS_SCHEMA = 'comfleet_jobs';

/** Of jobs that were added for later; one that is due at once is told by a notification. */
const POLL_MS = 1_000;
const RESTART_PAUSE_MS = 500;
const POOL_SIZE = 3;
/** Its own bound for the tasks under way is 5 s; after a lost connection it may not end at all. */
const ENDS_WITHIN_MS = 8_000;

type JobsDeps = DatabaseLocation & { readonly log: DatabaseLog };

export interface Jobs {
  start(): void;
  /** Waits for the tasks under way: who gave them ends them first. */
  stop(): Promise<void>;
}

/** The payloads of the jobs that statements add. */
export interface JobPayloads {
  readonly deliver_webhooks: { readonly lane: string };
}

export type JobTasks = { readonly [Name in keyof JobPayloads]: (payload: JobPayloads[Name]) => Promise<void> };

export function createJobs(deps: JobsDeps, tasks: JobTasks, concurrency: number): Jobs {
  const { log } = deps;
  let isStopped = false;
  let runner: Runner | undefined;
  let over = Promise.resolve();
  let wakeUp: () => void = () => undefined;

  // The library ends its workers when a connection is lost at the wrong moment: then they are started again.
  async function keepRunning(): Promise<void> {
    while (!isStopped) {
      const pool = openPool(deps);
      const events: WorkerEvents = new EventEmitter();
      const stuck = untilStuck(events);
      stuck.catch(() => undefined); // most end before
      try {
        runner = await run({
          ...{ ...options(log), pgPool: pool, events, concurrency },
          ...{ taskList: toTaskList(tasks), preset: preset(concurrency) },
        });
        if (isStopped) await runner.stop();
        else await Promise.race([runner.promise, stuck]);
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'background jobs stopped; they are started again');
      }
      runner = undefined;
      // Of one that is stuck a connection may never be given back.
      await Promise.race([pool.end(), stuck.catch(() => undefined)]);
      if (!isStopped) await pause();
    }
  }

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RESTART_PAUSE_MS);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  return {
    start() {
      over = keepRunning();
    },
    async stop() {
      isStopped = true;
      wakeUp();
      await runner?.stop().catch(() => undefined); // it was about to end by itself
      await over;
    },
  };
}

/** Rejects when the library was about to end its workers and did not. */
async function untilStuck(events: WorkerEvents): Promise<never> {
  await new Promise((resolve) => events.once('pool:gracefulShutdown', resolve));
  await new Promise((resolve) => setTimeout(resolve, ENDS_WITHIN_MS).unref());
  throw new Error('they did not end by themselves');
}

// The payload is what wake_webhooks (0006) wrote.
function toTaskList({ deliver_webhooks }: JobTasks): TaskList {
  return { deliver_webhooks: (payload: unknown) => deliver_webhooks(payload as JobPayloads['deliver_webhooks']) };
}

/** Brings the library's schema to its version; any number of replicas may do so at once. */
export async function migrateJobs(deps: JobsDeps): Promise<void> {
  const pool = openPool(deps);
  try {
    await runMigrations({ ...options(deps.log), pgPool: pool });
  } finally {
    await pool.end();
  }
}

// No settings of ours: those are for our statements and would mislead the planner about the library's.
function openPool(deps: JobsDeps): pg.Pool {
  const {
    options: _options,
    types: _types,
    ...place
  } = clientConfig(deps, {
    applicationName: `comfleet jobs ${process.pid}`,
    statementTimeoutMs: 0,
  });
  const pool = new pg.Pool({ ...place, ...fenced(deps), max: POOL_SIZE });
  pool.on('error', () => undefined); // the pool connects again; an error nobody listens to would end the process
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}

function options(log: DatabaseLog) {
  const logger = new Logger(() => (level, message) => {
    if (level === 'error') log.warn({ from: 'graphile-worker' }, message);
  });
  return { schema: JOBS_SCHEMA, noHandleSignals: true, pollInterval: POLL_MS, logger };
}

// Jobs are fetched and completed in groups. Batched completion is also what tries again after a lost connection.
function preset(concurrency: number) {
  return { worker: { localQueue: { size: concurrency }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
