// Gets from "a cluster on disk" to "its server runs and the data directory is ours": dial; if nobody answers and no
// server process is there, start one; repeat. Called by embedded.ts at the start and after each loss of the server.
import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type pg from 'pg';
import type { Cluster } from './cluster.ts';
import { isRunning, stopChild, takeEarly } from './early-start.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { type GuardAttempt, tryGuard } from './guard.ts';
import { findPostmaster, pause, pauseUntilReady, removeStaleLockFiles, spawnPostmaster } from './postmaster.ts';

export interface AttachDeps {
  readonly cluster: Cluster;
  readonly host: string;
  readonly logPath: string;
  readonly log: { warn(fields: object, message: string): void };
  /** The first start gives up and says why; a running service goes on trying. */
  readonly patience: 'first-start' | 'forever';
  readonly signal: AbortSignal;
}

const FIRST_DIAL_PAUSE_MS = 5;
/** Each dial at a server that is starting costs it a process and a line of its log. */
const LONGEST_DIAL_PAUSE_MS = 50;
/** The lock of a process killed a moment ago is released when its server side notices. */
const HELD_PATIENCE_MS = 1_500;
/** A server that neither answers nor says that it is starting. Crash recovery does say so, however long it takes. */
const SILENT_PATIENCE_MS = 60_000;
const FIRST_START_TRIES = 6;
const LONGEST_BACK_OFF_MS = 5_000;

export async function attachToServer(deps: AttachDeps): Promise<{ client: pg.Client; isAdopted: boolean }> {
  const starter = createStarter(deps);
  const patience = createPatience(deps);
  let dialPauseMs = FIRST_DIAL_PAUSE_MS;
  for (;;) {
    if (deps.signal.aborted) {
      await starter.abandon();
      throw new Error('stopped while the database was starting');
    }
    const attempt = await tryGuard(deps.host);
    if (attempt.kind === 'held-by-us') return { client: attempt.client, isAdopted: starter.starts() === 0 };
    patience.see(attempt);
    if (attempt.kind === 'no-server' && (await starter.startIfGone())) {
      patience.renew();
      dialPauseMs = FIRST_DIAL_PAUSE_MS;
    }
    await pauseUntilReady(deps.cluster.dir, dialPauseMs);
    dialPauseMs = Math.min(dialPauseMs * 1.5, LONGEST_DIAL_PAUSE_MS);
  }
}

interface Patience {
  /** Throws when there is nothing more to wait for. */
  see(attempt: Exclude<GuardAttempt, { kind: 'held-by-us' }>): void;
  renew(): void;
}

function createPatience(deps: AttachDeps): Patience {
  let lastSignAt = performance.now();
  let heldSince: number | undefined;
  return {
    see: (attempt) => {
      const now = performance.now();
      if (attempt.kind === 'held-by-other') {
        heldSince ??= now;
        if (now - heldSince > HELD_PATIENCE_MS) throw inUse(deps.cluster.dir, attempt.holder);
        return;
      }
      heldSince = undefined;
      if (attempt.isStarting) lastSignAt = now;
      const isSilent = now - lastSignAt > SILENT_PATIENCE_MS;
      if (deps.patience === 'first-start' && isSilent) throw silent(deps, attempt.cause);
    },
    renew: () => {
      lastSignAt = performance.now();
    },
  };
}

interface Starter {
  starts(): number;
  /** True when a server was started now. */
  startIfGone(): Promise<boolean>;
  /** Resolves when the server that was started here has ended, or will not for a while. */
  abandon(): Promise<void>;
}

function createStarter(deps: AttachDeps): Starter {
  const { cluster, log } = deps;
  let child: ChildProcess | undefined = takeEarly(cluster.dir);
  let starts = child === undefined ? 0 : 1;

  const isChildRunning = (): boolean => child !== undefined && isRunning(child);

  const isThere = (): boolean => {
    return isChildRunning() || findPostmaster(cluster.dir) !== undefined;
  };

  return {
    starts: () => starts,
    startIfGone: async () => {
      if (isThere()) return false;
      if (starts > 0) {
        if (deps.patience === 'first-start' && starts >= FIRST_START_TRIES) throw failed(deps);
        log.warn({ starts, log: deps.logPath }, 'embedded PostgreSQL did not start; trying again');
        await pause(Math.min(25 * 2 ** starts, LONGEST_BACK_OFF_MS));
        if (deps.signal.aborted) return false;
      }
      removeStaleLockFiles(cluster.dir);
      starts += 1;
      child = spawnPostmaster(cluster, deps.logPath);
      return true;
    },
    async abandon() {
      if (child !== undefined) await stopChild(child);
    },
  };
}

const inUse = (dir: string, holder: string): EmbeddedPostgresError =>
  new EmbeddedPostgresError(
    `the data directory is in use by another comfleet (${holder}, database in ${dir}): stop that one, or give this one ` +
      'a data directory of its own',
  );

const silent = (deps: AttachDeps, cause: unknown): EmbeddedPostgresError =>
  new EmbeddedPostgresError(`embedded PostgreSQL runs but does not answer; its log is ${deps.logPath}`, { cause });

const failed = (deps: AttachDeps): EmbeddedPostgresError =>
  new EmbeddedPostgresError(
    `embedded PostgreSQL does not start; its log (${deps.logPath}) ends with:\n${lastLines(deps.logPath)}`,
  );

const TAIL_BYTES = 2_000;

function lastLines(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(fd, tail, 0, tail.length, size - tail.length);
    return tail.toString().trim();
  } finally {
    closeSync(fd);
  }
}
