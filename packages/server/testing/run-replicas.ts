// Services as processes of their own on one database, to be killed and put to sleep. Used by test/replica-processes.test.ts
// and test/rolling-upgrade.test.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ConnectionParts } from '../src/db/connection.ts';
import { ADMIN_TOKEN } from './create-test-app.ts';
import { until } from './until.ts';

export interface ReplicaProcess {
  readonly url: string;
  signal(name: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  /** Its exit code, once it has ended; null after a kill. */
  ended(): Promise<number | null>;
  /** What it wrote to stderr. */
  log(): string;
  role(): Promise<string | undefined>;
}

/** `next`: this one with `nextMigration` besides. */
export type Release = 'this' | 'next';

export interface Replicas {
  start(release?: Release): Promise<ReplicaProcess>;
  /** The one that says it is the brain. */
  brain(): Promise<ReplicaProcess | undefined>;
  stop(): Promise<void>;
}

export async function createReplicaProcesses(given: {
  connection: ConnectionParts;
  comfyuiUrl: string;
  /** SQL, of the release after this one. */
  nextMigration?: string;
}): Promise<Replicas> {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-replicas-'));
  await bundle(dir);
  if (given.nextMigration !== undefined) makeNextRelease(dir, given.nextMigration);
  const { host, port, user, database } = given.connection;
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`,
    COMFLEET_COMFYUI: given.comfyuiUrl,
    // One storage for all.
    COMFLEET_DATA: join(dir, 'data'),
    COMFLEET_ADMIN_TOKEN: ADMIN_TOKEN,
    COMFLEET_LOG_LEVEL: 'info',
    COMFLEET_RATE_LIMIT_WRITES: '0',
    COMFLEET_RATE_LIMIT_READS: '0',
    PORT: '0',
  };
  const started: ReplicaProcess[] = [];
  return {
    async start(release = 'this') {
      const replica = await startReplica(dir, release, env);
      started.push(replica);
      return replica;
    },
    async brain() {
      for (const replica of started) if ((await replica.role()) === 'brain') return replica;
      return undefined;
    },
    async stop() {
      for (const replica of started) {
        replica.signal('SIGKILL');
        await replica.ended();
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function makeNextRelease(dir: string, migration: string): void {
  cpSync(join(dir, 'this'), join(dir, 'next'), { recursive: true });
  const migrations = join(dir, 'next', 'migrations');
  const number = readdirSync(migrations).length + 1;
  writeFileSync(join(migrations, `${String(number).padStart(4, '0')}_next_release.sql`), migration);
}

async function bundle(dir: string): Promise<void> {
  const here = fileURLToPath(new URL('./', import.meta.url));
  await build({
    entryPoints: [join(here, 'replica-process.ts')],
    outfile: join(dir, 'this', 'service.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['pg-native', '@kubernetes/client-node', 'dockerode', '@aws-sdk/*'],
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  cpSync(join(here, '../src/db/migrations'), join(dir, 'this', 'migrations'), { recursive: true });
  symlinkSync(join(here, '../../../node_modules'), join(dir, 'node_modules'));
}

async function startReplica(dir: string, release: Release, env: NodeJS.ProcessEnv): Promise<ReplicaProcess> {
  const child = spawn(process.execPath, [join(dir, release, 'service.mjs')], { cwd: dir, env });
  let log = '';
  let url: string | undefined;
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.stderr.on('data', (chunk) => {
    log += String(chunk);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    url ??= /listens on (\S+)/.exec(line)?.[1];
  });
  const listening = await until('the replica listens', () => url ?? (hasEnded(child) && `ended: ${log}`));
  if (!listening.startsWith('http')) throw new Error(listening);
  return {
    url: listening,
    signal: (name) => void child.kill(name),
    ended: () => ended,
    log: () => log,
    role: () => readRole(listening),
  };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** undefined: it does not answer, or is not ready. */
async function readRole(url: string): Promise<string | undefined> {
  try {
    const reply = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(200) });
    const body = (await reply.json()) as { role?: string };
    return reply.ok ? body.role : undefined;
  } catch {
    return undefined;
  }
}
