// One postmaster process: start it, find the one that a killed service left, stop it. Called by embedded.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, PORT, pathForServer, serverArguments } from './cluster.ts';
import { PROGRAM_ENV } from './run-program.ts';

const LARGEST_LOG_BYTES = 4_000_000;
const FAST_STOP_MS = 10_000;
const IMMEDIATE_STOP_MS = 5_000;

/** Detached: a session of its own, so that neither Ctrl-C nor the end of this process reaches it. */
export function spawnPostmaster(cluster: Cluster, logPath: string): ChildProcess {
  rotateLog(logPath);
  const { pathArgument, cwd } = pathForServer(cluster.dir, cluster.user);
  const log = openSync(logPath, 'a', 0o600);
  try {
    const child = spawn(cluster.binaries.postgres, serverArguments(pathArgument), {
      ...cluster.user,
      cwd,
      env: PROGRAM_ENV,
      stdio: ['ignore', log, log],
      detached: true,
      windowsHide: true,
    });
    // A failure to spawn shows as a server that never answers; without a listener it would end this process.
    child.on('error', () => {});
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

function rotateLog(logPath: string): void {
  const bytes = statSync(logPath, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes > LARGEST_LOG_BYTES) renameSync(logPath, `${logPath}.1`);
}

/** The pid in postmaster.pid, if that process is a server of this cluster now. */
export function findPostmaster(clusterDir: string): number | undefined {
  const pid = readPid(join(clusterDir, 'postmaster.pid'));
  return pid !== undefined && isPostmaster(pid, clusterDir) ? pid : undefined;
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return pid > 0 ? pid : undefined;
  } catch {
    // No file: no server.
    return undefined;
  }
}

/** A server's working folder is its cluster. A zombie has none, so an unreaped one counts as dead. */
export function isPostmaster(pid: number, clusterDir: string): boolean {
  if (process.platform !== 'linux') return isRunning(pid);
  const cwd = statSyncOrNothing(`/proc/${pid}/cwd`);
  const cluster = statSyncOrNothing(clusterDir);
  return cwd !== undefined && cluster !== undefined && cwd.ino === cluster.ino && cwd.dev === cluster.dev;
}

function statSyncOrNothing(path: string): { ino: number; dev: number } | undefined {
  try {
    return statSync(path);
  } catch {
    // Gone, or another user's process: in both cases not our server.
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: gone. EPERM: another user's, so not our server.
    return false;
  }
}

/**
 * PostgreSQL refuses to start while the process named in one of its lock files lives. After a restart of the machine that
 * may be anyone; and a killed server of an earlier start stays listed until somebody reaps it, which under many a
 * container's first process is late or never. (A pid of nobody it handles itself.)
 */
export function removeStaleLockFiles(clusterDir: string): void {
  for (const name of ['postmaster.pid', `.s.PGSQL.${PORT}.lock`]) removeStaleLockFile(clusterDir, name);
}

// Taken away by rename and looked at again, in case that a server started in between.
function removeStaleLockFile(clusterDir: string, name: string): void {
  const file = join(clusterDir, name);
  const pid = readPid(file);
  if (pid === undefined || isPostmaster(pid, clusterDir)) return;
  const taken = `${file}.stale-${process.pid}`;
  try {
    renameSync(file, taken);
  } catch {
    // Another starting process was faster.
    return;
  }
  if (readPid(taken) === pid) rmSync(taken, { force: true });
  else renameSync(taken, file);
}

/** Fast shutdown; when that takes too long, immediate (which is crash-safe); at last a kill. */
export async function stopPostmaster(pid: number, clusterDir: string): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGINT', FAST_STOP_MS],
    ['SIGQUIT', IMMEDIATE_STOP_MS],
    ['SIGKILL', 2_000],
  ] as const) {
    if (!isPostmaster(pid, clusterDir)) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It ended between the look and the signal.
      return;
    }
    const until = performance.now() + waitMs;
    while (isPostmaster(pid, clusterDir) && performance.now() < until) await pause(10);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const READY_LOOK_MS = 3;

/** Or less: until the server writes down that it takes connections. */
export async function pauseUntilReady(clusterDir: string, ms: number): Promise<void> {
  const until = performance.now() + ms;
  let wasReady = saysReady(clusterDir);
  while (performance.now() < until) {
    await pause(Math.min(READY_LOOK_MS, until - performance.now()));
    const isReady = saysReady(clusterDir);
    if (isReady && !wasReady) return;
    wasReady = isReady;
  }
}

/** In the last line of its lock file; what a killed server left says so too. */
function saysReady(clusterDir: string): boolean {
  try {
    return readFileSync(join(clusterDir, 'postmaster.pid'), 'utf8').trimEnd().endsWith('\nready');
  } catch {
    return false; // not written yet
  }
}
