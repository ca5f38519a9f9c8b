// The cluster's folder: made once by initdb, checked at each start, and the settings the server is started with.
// Called by embedded.ts and by the tests' global set-up.
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError, USE_DATABASE_URL } from './embedded-postgres-error.ts';
import { runProgram } from './run-program.ts';
import { canReach, type SystemUser } from './system-user.ts';

export const SUPERUSER = 'comfleet';
/** Only a name for the socket's file: nothing listens on TCP. */
export const PORT = 5432;

export interface Cluster {
  readonly dir: string;
  readonly user: SystemUser | undefined;
  readonly binaries: Binaries;
}

export async function ensureCluster(cluster: Cluster): Promise<void> {
  const { dir, binaries } = cluster;
  removeAbandoned(dir);
  if (!existsSync(join(dir, 'PG_VERSION'))) await createCluster(cluster);
  const major = Number(readFileSync(join(dir, 'PG_VERSION'), 'utf8').trim());
  if (major === binaries.majorVersion) return;
  throw new EmbeddedPostgresError(
    `${dir} was made by PostgreSQL ${major}, and this version of comfleet brings PostgreSQL ${binaries.majorVersion}, ` +
      `which cannot read it. Start the comfleet version that made it, or dump the database with PostgreSQL ${major}'s ` +
      `pg_dump, move the folder away, start again and restore the dump`,
  );
}

/**
 * initdb works in a folder of its own, which then takes the cluster's name: a killed initdb leaves nothing that looks
 * like a cluster, and of two processes that start at once the second finds the first one's.
 */
async function createCluster({ dir, user, binaries }: Cluster): Promise<void> {
  const fresh = `${dir}.init-${process.pid}-${Date.now().toString(36)}`;
  mkdirSync(fresh, { mode: 0o700 });
  if (user) giveTo(fresh, user);
  const { pathArgument, cwd } = pathForServer(fresh, user);
  const args = ['-D', pathArgument, '-U', SUPERUSER, '-E', 'UTF8', '--locale=C', '--auth=trust', '--no-instructions'];
  // One order of characters everywhere, and UTF-8 aware, without the system's locales.
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--set=timezone=UTC', '--set=log_timezone=UTC');
  if (process.platform === 'linux') args.push('--sync-method=syncfs');
  const end = await runProgram(binaries.initdb, args, { user, cwd });
  if (end.code !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new EmbeddedPostgresError(`initdb failed in ${fresh} (exit ${end.code}):\n${end.output}`);
  }
  try {
    renameSync(fresh, dir);
    syncFolder(dirname(dir));
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(join(dir, 'PG_VERSION'))) throw error;
  }
}

function giveTo(dir: string, user: SystemUser): void {
  try {
    chownSync(dir, user.uid, user.gid);
  } catch (cause) {
    rmSync(dir, { recursive: true, force: true });
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root, and this root may not give ${dir} to another user (a container without ` +
        `CAP_CHOWN, or a file system without owners): start as an ordinary user, or ${USE_DATABASE_URL}`,
      { cause },
    );
  }
}

/** Leftovers of a start that was killed, told from a start that goes on by its pid. */
function removeAbandoned(dir: string): void {
  const prefix = `${basename(dir)}.init-`;
  for (const name of readdirSync(dirname(dir))) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (pid === process.pid || isAlive(pid)) continue;
    try {
      rmSync(join(dirname(dir), name), { recursive: true, force: true });
    } catch {
      // The killed start's initdb still writes there; the next start finds it ended.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function syncFolder(dir: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(dir, 'r');
  fsyncSync(fd);
  closeSync(fd);
}

/**
 * A user who may not pass through the folders above (a data directory under /root) still may use the folder it was
 * started in: the kernel resolves /proc/self/cwd without walking the path.
 */
export function pathForServer(dir: string, user: SystemUser | undefined): { pathArgument: string; cwd: string } {
  if (!user || canReach(dir, user)) return { pathArgument: dir, cwd: '/' };
  if (process.platform === 'linux') return { pathArgument: '/proc/self/cwd', cwd: dir };
  throw new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and user ${user.uid} cannot get to ${dir}: choose a data directory outside of ` +
      `private folders, or start as another user`,
  );
}

/** Settings travel on the command line, so a new version's apply to an old cluster as well. */
export function serverArguments(pathArgument: string): string[] {
  const settings: Record<string, string | number> = {
    port: PORT,
    cluster_name: 'comfleet',
    listen_addresses: '',
    // Relative to the cluster's folder: no limit of length and nothing to quote.
    unix_socket_directories: '.',
    unix_socket_permissions: '0700',
    max_connections: 60,
    shared_buffers: '64MB',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_wal_size: '1GB',
    checkpoint_timeout: '10min',
    // After a crash: one call in place of an fsync for each of a thousand files.
    ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
    max_parallel_workers_per_gather: 0,
    jit: 'off',
    // Without ERROR and WARNING: those are the caller's to log, and their details may hold what a caller sent.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_checkpoints: 'off',
    log_line_prefix: '%m [%p] ',
  };
  return ['-D', pathArgument, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}
