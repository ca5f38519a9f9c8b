// The whole service in this process, for tests that go through HTTP: its own database cloned from the template, an
// emulator in this process as its one ComfyUI, a temporary data directory, a free port. Used by the *.test.ts here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectInfo } from '@comfleet/comfyui';
import { createEmulator, type Emulator } from '@comfleet/emulator';
import { afterAll, beforeAll } from 'vitest';
import { type App, type AppOverrides, startApp } from '../src/app.ts';
import { type Config, readConfig } from '../src/config.ts';
import type { ConnectionParts } from '../src/db/connection.ts';
import { createDatabase, type Database } from '../src/db/database.ts';
import type { WatchTimes } from '../src/execution/watch.ts';
import { createLog } from '../src/telemetry/log.ts';
import { type Caller, createCaller } from './caller.ts';
import { createTestDatabase, silentLog, type TestDatabase } from './test-database.ts';

export const ADMIN_TOKEN = 'a-token-of-the-first-account';

export interface TestAppOptions {
  /** Settings, by the names an operator uses. */
  readonly env?: Readonly<Record<string, string>>;
  /** What comfleet.config.json holds. */
  readonly configFile?: unknown;
  readonly overrides?: AppOverrides;
  /** `pretending` runs no nodes and answers at once; `none` leaves the service without an instance. */
  readonly emulator?: 'pretending' | 'executing' | 'none';
  readonly faults?: unknown;
  readonly extraObjectInfo?: ObjectInfo;
  /** What the service connects to instead of the database itself. */
  readonly reachThrough?: (connection: ConnectionParts) => ConnectionParts;
  /** A replica of this one: on its database, its storage and its back end. Both are made with `isShared`; stop it first. */
  readonly beside?: TestApp;
}

export interface TestApp extends Caller {
  readonly url: string;
  readonly adminUrl: string | undefined;
  readonly dataDir: string;
  readonly emulator: Emulator;
  readonly emulatorUrl: string;
  readonly database: TestDatabase;
  /** A connection of the test's own. */
  readonly db: Database;
  /** JSON lines of what really ran, with the graphs. */
  readonly executionsFile: string;
  /** Ends the emulator, or starts it again at the same address. */
  stopEmulator(): Promise<void>;
  startEmulator(): Promise<void>;
  restart(): Promise<void>;
  /** Only the service, before its replicas. */
  stopService(): Promise<void>;
  stop(): Promise<void>;
}

/** Short, so that what takes seconds in production takes none here. */
export const QUICK_WATCH: WatchTimes = {
  silenceMs: 150,
  refusedMs: 300,
  unreachableMs: 1_500,
  idleMs: 500,
  workerDeadMs: 700,
};

export async function createTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  if (options.beside) return await createReplica(options.beside, options);
  const database = await createTestDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), 'comfleet-app-'));
  if (options.configFile !== undefined) {
    writeFileSync(join(dataDir, 'comfleet.config.json'), JSON.stringify(options.configFile));
  }
  const backEnd = createBackEnd(options, dataDir);
  if (options.emulator !== 'none') await backEnd.start();
  const config = readTestConfig({ dataDir, emulatorUrl: backEnd.url(), env: options.env ?? {} });
  let app = await start({ config, database, options });
  const db = createDatabase({ connection: database.connection, log: silentLog, poolSize: 2 });
  const dropAll = async () => {
    await backEnd.stop();
    await db.stop();
    rmSync(dataDir, { recursive: true, force: true });
    await database.drop();
  };
  return {
    ...createCaller({ url: () => app.url, token: ADMIN_TOKEN, db }),
    get url() {
      return app.url;
    },
    get emulator() {
      return backEnd.emulator();
    },
    get emulatorUrl() {
      return backEnd.url() ?? '';
    },
    get adminUrl() {
      return app.adminUrl;
    },
    dataDir,
    database,
    db,
    executionsFile: backEnd.executionsFile,
    stopEmulator: backEnd.stop,
    startEmulator: backEnd.start,
    async restart() {
      await app.stop();
      app = await start({ config, database, options });
    },
    stopService: () => app.stop(),
    async stop() {
      const { url } = app;
      await app.stop();
      const open = await findOpen(url, backEnd.sockets);
      await dropAll();
      if (open.length > 0) throw new Error(`still open after the stop: ${open.join(', ')}`);
    },
  };
}

async function createReplica(beside: TestApp, options: TestAppOptions): Promise<TestApp> {
  const { dataDir, database, db, emulatorUrl } = beside;
  const config = readTestConfig({ dataDir, emulatorUrl, env: options.env ?? {} });
  let app = await start({ config, database, options });
  return {
    ...beside,
    ...createCaller({ url: () => app.url, token: ADMIN_TOKEN, db }),
    get url() {
      return app.url;
    },
    async restart() {
      await app.stop();
      app = await start({ config, database, options });
    },
    stopService: () => app.stop(),
    stop: () => app.stop(),
  };
}

/** Called at the top of a test file (or a describe): the app lives from before its first test to after its last. */
export function useTestApp(options: TestAppOptions | (() => TestAppOptions) = {}): () => TestApp {
  let app: TestApp | undefined;
  beforeAll(async () => {
    app = await createTestApp(typeof options === 'function' ? options() : options);
  });
  afterAll(async () => await app?.stop());
  return () => {
    if (app === undefined) throw new Error('the test app exists only inside hooks and tests');
    return app;
  };
}

function readTestConfig(given: { dataDir: string; emulatorUrl: string | undefined; env: object }): Config {
  const env = {
    PORT: '0',
    COMFLEET_ADMIN_TOKEN: ADMIN_TOKEN,
    COMFLEET_LOG_LEVEL: process.env['COMFLEET_TEST_LOG'] ?? 'silent',
    COMFLEET_STOP_GRACE_SECONDS: '0.2',
    // Tests flood; those of the limits set them.
    COMFLEET_RATE_LIMIT_WRITES: '0',
    COMFLEET_RATE_LIMIT_READS: '0',
    COMFLEET_DATA: given.dataDir,
    ...(given.emulatorUrl === undefined ? {} : { COMFLEET_COMFYUI: given.emulatorUrl }),
    ...given.env,
  };
  const read = readConfig(env, {}, given.dataDir);
  if (read.kind === 'bad') throw new Error(read.problems.join('\n'));
  return read.config;
}

function start(given: { config: Config; database: TestDatabase; options: TestAppOptions }): Promise<App> {
  const { config, database, options } = given;
  const connection = options.reachThrough?.(database.connection) ?? database.connection;
  return startApp({
    config,
    version: '0.0.0-test',
    emulatorCommand: undefined,
    onFatal: (error) => {
      throw error;
    },
    overrides: {
      log: createLog(config.logLevel),
      watchTimes: QUICK_WATCH,
      database: { location: { connection }, stop: async () => undefined },
      ...options.overrides,
    },
  });
}

function createBackEnd(options: TestAppOptions, dataDir: string) {
  const executionsFile = join(dataDir, 'executions.jsonl');
  let emulator: Emulator | undefined;
  let sockets = 0;
  let port = 0;
  return {
    executionsFile,
    sockets: () => sockets,
    url: () => (port === 0 ? undefined : `http://127.0.0.1:${port}`),
    emulator() {
      if (emulator === undefined) throw new Error('this app has no emulator');
      return emulator;
    },
    async start() {
      emulator = createEmulator({
        baseDir: join(dataDir, 'comfyui'),
        port,
        nullExec: options.emulator !== 'executing',
        // As on another machine: its files are fetched, with all that may go wrong on the way.
        hidesFolders: true,
        executionsFile,
        ...(options.faults === undefined ? {} : { faults: options.faults }),
        ...(options.extraObjectInfo === undefined ? {} : { extraObjectInfo: options.extraObjectInfo }),
        onSockets: (count) => {
          sockets = count;
        },
      });
      port = (await emulator.start()).port;
    },
    stop: async () => await emulator?.stop(),
  };
}

const CLOSING_MS = 2_000;

/** What the service left behind: a listening port, a websocket to its instance. Sessions are found when the database is dropped. */
async function findOpen(url: string, sockets: () => number): Promise<string[]> {
  const answers = await fetch(url).then(
    () => true,
    () => false,
  );
  const open = answers ? [`the port of ${url}`] : [];
  // The instance hears of a closed websocket a moment later.
  const end = performance.now() + CLOSING_MS;
  while (sockets() > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
  return sockets() > 0 ? [...open, `${sockets()} websockets to the instance`] : open;
}
