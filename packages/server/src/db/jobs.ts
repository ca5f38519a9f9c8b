// Background jobs on the same PostgreSQL: graphile-worker in a schema of its own. app.ts makes and stops it; a folder
// gives it tasks, and its statements add the jobs (comfleet_jobs.add_job), in the transaction that owes the work.
import { Logger, makeWorkerUtils, type Runner, run, runMigrations, type TaskList } from 'graphile-worker';
import pg from 'pg';
import { clientConfig, type DatabaseLocation, type DatabaseLog, fenced } from './connection.ts';
import { watchRunner } from './watch-runner.ts';

export const JOBS_SCHEMA = 'comfleet_jobs';

/** Of jobs that were added for later; one that is due at once is told by a notification. */
const POLL_MS = 1_000;
const RESTART_PAUSE_MS = 500;
const POOL_SIZE = 3;

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
    const earlier = new Set<string>();
    while (!isStopped) {
      const pool = openPool(deps);
      const watch = watchRunner(earlier);
      try {
        await returnJobsOf(earlier, { log, pool });
        runner = await run({
          ...{ ...options(log), pgPool: pool, events: watch.events, concurrency },
          ...{ taskList: toTaskList(tasks), preset: preset(concurrency) },
        });
        if (isStopped) void stopRunner();
        await Promise.race([runner.promise, watch.stuck, watch.starved.catch(endStarved)]);
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'background jobs stopped; they are started again');
      }
      runner = undefined;
      watch.stop();
      // Of one that is stuck a connection may never be given back.
      await Promise.race([pool.end(), watch.stuck.catch(() => undefined)]);
      if (!isStopped) await pause();
    }
  }

  /** It may already end by itself, and it may not end at all: keepRunning waits for as long as is of use. */
  const stopRunner = async (): Promise<void> => await runner?.stop().catch(() => undefined);

  async function endStarved(error: unknown): Promise<never> {
    await stopRunner();
    throw error;
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
      void stopRunner();
      await over;
    },
  };
}

// The jobs that runners before this one had taken and not said done. One that still runs is run again: a task bears that.
async function returnJobsOf(earlier: Set<string>, { log, pool }: { log: DatabaseLog; pool: pg.Pool }): Promise<void> {
  if (earlier.size === 0) return;
  const utils = await makeWorkerUtils({ ...options(log), pgPool: pool });
  try {
    await utils.forceUnlockWorkers([...earlier]);
    earlier.clear();
  } finally {
    await utils.release();
  }
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
