// The built service as an operator runs it: its own data directory, embedded PostgreSQL, default settings. Used by rows.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { answers, type Child, freePort, startNode, waitUntil } from './processes.ts';

/** One token sends thousands of calls a second here. */
const NO_LIMITS = { COMFLEET_RATE_LIMIT_WRITES: '0', COMFLEET_RATE_LIMIT_READS: '0' };
const READY_WITHIN_MS = 60_000;

export interface ServiceOptions {
  /** The folder with the built bundle. */
  readonly buildDir: string;
  /** Of the folder; comfleet.js unless said. */
  readonly program?: string;
  readonly dataDir: string;
  /** A comma list for several; undefined: the configuration file says where instances come from. */
  readonly comfyuiUrl: string | undefined;
  /** What comfleet.config.json holds. */
  readonly configFile?: object | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** node writes a CPU profile there when the service stops. */
  readonly profileDir?: string | undefined;
}

export interface Service {
  readonly url: string;
  readonly pid: number;
  readonly connection: { host: string; port: number; user: string };
  postmasterPid(): number;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
  /** kill -9 of the service and of its PostgreSQL. */
  crash(): Promise<void>;
}

export async function startService(options: ServiceOptions): Promise<Service> {
  const service = await spawnService(options);
  const { url, child, logPath } = service;
  await waitUntil(() => answers(`${url}/readyz`), { what: 'the service', withinMs: READY_WITHIN_MS, child, logPath });
  return service;
}

/** Does not wait until it answers. */
export async function spawnService(options: ServiceOptions): Promise<Service & { child: Child; logPath: string }> {
  const { dataDir } = options;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const logPath = join(dataDir, 'service.log');
  const profile = options.profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profileDir}`];
  const main = join(options.buildDir, options.program ?? 'comfleet.js');
  if (options.configFile) writeFileSync(join(dataDir, 'comfleet.config.json'), JSON.stringify(options.configFile));
  const flags = ['--host', '127.0.0.1', '--port', String(port), '--data', dataDir];
  for (const each of options.comfyuiUrl?.split(',') ?? []) flags.push('--comfyui', each);
  const child = startNode({
    args: [...profile, main, 'start', ...flags],
    cwd: dataDir,
    logPath,
    env: { COMFLEET_QUEUE_LIMIT: '10000000', ...NO_LIMITS, ...options.env },
  });
  return { ...describe({ child, url, dataDir }), child, logPath };
}

function describe({ child, url, dataDir }: { child: Child; url: string; dataDir: string }): Service {
  const folder = join(dataDir, 'postgres');
  const postmasterPid = () => Number(readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n')[0]);
  return {
    url,
    pid: child.pid,
    connection: { host: folder, port: 5432, user: 'comfleet' },
    postmasterPid,
    signal: child.signal,
    stop: () => child.stop(),
    async crash() {
      const postmaster = postmasterPid();
      child.signal('SIGKILL');
      process.kill(postmaster, 'SIGKILL');
      await child.ended;
    },
  };
}

export async function withDatabase<T>(
  service: Pick<Service, 'connection'>,
  database: string,
  run: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...service.connection, database });
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

/** What the harness promises: durable commits. Anything else is a problem of the run. */
export async function durabilityProblems(service: Service): Promise<string[]> {
  return await withDatabase(service, 'comfleet', async (client) => {
    const problems: string[] = [];
    for (const name of ['fsync', 'synchronous_commit']) {
      const { rows } = await client.query<Record<string, string>>(`show ${name}`);
      if (rows[0]?.[name] !== 'on') problems.push(`${name} is ${rows[0]?.[name]}`);
    }
    return problems;
  });
}
