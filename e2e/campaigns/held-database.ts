// A PostgreSQL that belongs to no service, for replicas to share and for a bad line to stand in front of: the one that a
// service brings, left behind by a kill -9 of that service. Created by stage.ts.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { freePort, isAlive, waitUntil } from './child-process.ts';
import { createService } from './service.ts';

export interface HeldDatabase {
  readonly config: pg.ClientConfig;
  /** The path of its socket. */
  readonly socket: string;
  readonly url: string;
  pid(): number | undefined;
  /** Of the account that its maker made. */
  token(): string;
  stop(): Promise<void>;
}

export async function holdDatabase(main: string, dir: string): Promise<HeldDatabase> {
  const dataDir = join(dir, 'database');
  mkdirSync(dataDir);
  // An address at which nothing listens: no back end is started.
  const args = ['--comfyui', 'http://127.0.0.1:9'];
  const maker = createService({ main, dataDir, port: await freePort(), args, logPath: join(dir, 'database.log') });
  maker.start();
  await maker.whenReady();
  await maker.killForGood();
  const host = join(dataDir, 'postgres');
  return {
    config: databaseConfig(dataDir),
    socket: join(host, '.s.PGSQL.5432'),
    url: `postgres://comfleet@localhost:5432/comfleet?host=${encodeURIComponent(host)}`,
    pid: maker.databasePid,
    token: maker.token,
    async stop() {
      const pid = maker.databasePid();
      if (pid === undefined) return;
      process.kill(pid, 'SIGINT');
      await waitUntil(() => !isAlive(pid), 10_000);
    },
  };
}

export const databaseConfig = (dataDir: string): pg.ClientConfig => ({
  host: join(dataDir, 'postgres'),
  port: 5432,
  user: 'comfleet',
  database: 'comfleet',
});
