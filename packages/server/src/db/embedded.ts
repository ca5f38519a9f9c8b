// The PostgreSQL that comes with comfleet, for when no DATABASE_URL is given: makes the cluster, starts the server or
// adopts the one a killed service left, holds the data directory against a second service, and starts the server again
// when it dies. Called by open-database.ts; the parts are in embedded/.
//
//   attaching ──guard lock taken──▶ up ──guard connection lost──▶ attaching …        (any) ──stop()──▶ stopped
//       └── lock is another process's ──▶ refused at the first start, onExit later
import { mkdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionParts, DatabaseLog } from './connection.ts';
import { attachToServer } from './embedded/attach.ts';
import { prepareBinaries } from './embedded/binaries.ts';
import { type Cluster, ensureCluster, PORT, SUPERUSER } from './embedded/cluster.ts';
import { EmbeddedPostgresError, USE_DATABASE_URL } from './embedded/embedded-postgres-error.ts';
import { endEarlierSessions, ensureDatabase } from './embedded/guard.ts';
import { findPostmaster, stopPostmaster } from './embedded/postmaster.ts';
import { removeSocketLink, socketFolder } from './embedded/socket-folder.ts';
import { canReach, chooseSystemUser, type SystemUser } from './embedded/system-user.ts';

export interface EmbeddedPostgres {
  readonly connection: ConnectionParts;
  /** The postmaster's; another one after a restart, undefined while it is down. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export interface EmbeddedPostgresDeps {
  readonly dataDir: string;
  readonly log: DatabaseLog;
  readonly database?: string;
  /** The server is gone for good (another process took the data directory over): this process must end. */
  readonly onExit: (error: Error) => void;
  readonly onDown?: () => void;
  readonly onUp?: () => void;
}

export async function startEmbeddedPostgres(deps: EmbeddedPostgresDeps): Promise<EmbeddedPostgres> {
  if (process.platform === 'win32') {
    throw new EmbeddedPostgresError(`the embedded PostgreSQL does not run on Windows yet; ${USE_DATABASE_URL}`);
  }
  mkdirSync(deps.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = realpathSync(deps.dataDir);
  const dir = join(dataDir, 'postgres');
  const user = chooseSystemUser(dir);
  const cluster: Cluster = { dir, user, binaries: await prepareBinaries({ user, copyDirs: copyDirs(dataDir, user) }) };
  await ensureCluster(cluster);
  return supervise(deps, { cluster, host: socketFolder(dir), logPath: join(dataDir, 'postgres.log') });
}

const copyDirs = (dataDir: string, user: SystemUser | undefined): string[] =>
  user && !canReach(dataDir, user) ? ['/var/lib/comfleet', tmpdir()] : [dataDir];

interface Server {
  readonly cluster: Cluster;
  readonly host: string;
  readonly logPath: string;
}

async function supervise(deps: EmbeddedPostgresDeps, server: Server): Promise<EmbeddedPostgres> {
  const { log } = deps;
  const { dir } = server.cluster;
  const database = deps.database ?? 'comfleet';
  const stopping = new AbortController();
  let recovering: Promise<void> | undefined;

  const attach = async (patience: 'first-start' | 'forever'): Promise<void> => {
    const { client, isAdopted } = await attachToServer({ ...server, log, patience, signal: stopping.signal });
    client.once('end', () => {
      recovering = recover();
    });
    if (patience === 'first-start') {
      await ensureDatabase(client, database);
      const { left } = isAdopted ? await endEarlierSessions(client, database) : { left: 0 };
      if (left > 0) log.warn({ left }, 'sessions of the service before do not end');
    }
    log.info({ pid: findPostmaster(dir), isAdopted }, 'embedded PostgreSQL is up');
  };

  const recover = async (): Promise<void> => {
    if (stopping.signal.aborted) return;
    log.warn({}, 'embedded PostgreSQL went away; it is started again');
    deps.onDown?.();
    try {
      await attach('forever');
      deps.onUp?.();
    } catch (error) {
      if (!stopping.signal.aborted) deps.onExit(error instanceof Error ? error : new Error(String(error)));
    }
  };

  await attach('first-start');
  return {
    connection: { host: server.host, port: PORT, user: SUPERUSER, database },
    get pid() {
      return findPostmaster(dir);
    },
    stop: async () => {
      if (stopping.signal.aborted) return;
      stopping.abort();
      await recovering;
      // The guard's connection ends with the server: let go of earlier, another service could adopt what is stopping.
      const pid = findPostmaster(dir);
      if (pid !== undefined) await stopPostmaster(pid, dir);
      removeSocketLink(server.host, dir);
    },
  };
}
