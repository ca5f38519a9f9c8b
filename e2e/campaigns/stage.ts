// What a campaign plays on: a data directory, one service or several on one database, back ends in one of three set-ups,
// lines between them that can be made bad, and a receiver of webhooks. Campaigns and the tests of a stop set it up and
// clear it away.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { type BackEnd, createBackEnd, type Faults } from './back-end.ts';
import { freePort } from './child-process.ts';
import { databaseConfig, type HeldDatabase, holdDatabase } from './held-database.ts';
import { type Edge, type Lines, openLines } from './lines.ts';
import { type ObjectStore, startObjectStore } from './object-store.ts';
import { copyProgram, type Program } from './program.ts';
import type { Random } from './random.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { createService, type Service } from './service.ts';

/**
 * `embedded`: the service's own child. `fixed`: back ends at addresses, started by somebody else. `none`: those that its
 * configuration names.
 */
export type SetUp = 'embedded' | 'fixed' | 'none';

export interface Stage {
  readonly dir: string;
  readonly dataDir: string;
  /** The first of the replicas. */
  readonly service: Service;
  readonly services: readonly Service[];
  /** The program that the service runs. */
  readonly main: string;
  readonly emulator: string;
  readonly executionFiles: readonly string[];
  /** None in the embedded set-up. */
  readonly backEnds: readonly BackEnd[];
  readonly lines: Lines;
  readonly receiver: Receiver;
  /** Where the files are, when they are in no folder. */
  readonly store: ObjectStore | undefined;
  readonly database: pg.ClientConfig;
  databasePid(): number | undefined;
  /** Where callers reach it. */
  readonly baseUrls: readonly string[];
  token(): string;
  logFiles(): readonly string[];
  killBackEnd(random: Random): Promise<void>;
  stop(): Promise<void>;
}

export interface StageOptions {
  readonly setUp: SetUp;
  /** How many stand at fixed addresses. */
  readonly backEndCount?: number;
  /** Of the embedded back end and of the first at a fixed address; each later one takes longer. */
  readonly serviceMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What each life of a back end begins with. */
  readonly nextFaults?: () => Faults;
  /** On one database of its own; 1 is alone on its embedded one. */
  readonly replicas?: number;
  /** Lines that can be made bad. */
  readonly edges?: readonly Edge[];
  /** The files are kept in one; a bad line to it needs one too. */
  readonly hasObjectStore?: boolean;
  /** Folder of the service's log and temporary files; else beside the data directory. */
  readonly logsIn?: (dataDir: string) => string;
  /** Of comfleet.config.json. */
  readonly config?: (stage: { dir: string; emulator: string }) => unknown;
  /** Called with the data directory before anything is there. */
  readonly prepare?: (dataDir: string) => void;
  /** Another program than this build, which services and their database begin with. */
  readonly main?: string;
  readonly clear?: (dataDir: string) => void;
}

export async function setStage(options: StageOptions): Promise<Stage> {
  const { serviceMs = 30, edges = [], replicas = 1 } = options;
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-crash-'));
  const dataDir = join(dir, 'data');
  mkdirSync(dataDir);
  options.prepare?.(dataDir);
  const embeddedFile = join(dir, 'executions-embedded.jsonl');
  const program: Program = copyProgram({ executionsFile: embeddedFile, serviceMs });
  const { main, emulator } = program;
  if (options.config) {
    writeFileSync(join(dataDir, 'comfleet.config.json'), JSON.stringify(options.config({ dir, emulator })));
  }
  const backEnds = await startBackEnds(options, { dir, emulator });
  const receiver = await startReceiver();
  const isHeld = replicas > 1 || edges.includes('database');
  const beginsWith = options.main ?? main;
  const held = isHeld ? await holdDatabase(beginsWith, dir) : undefined;
  const hasStore = options.hasObjectStore === true || edges.includes('storage');
  const store = hasStore ? await startObjectStore(dir) : undefined;
  const around: Surroundings = { options, dir, dataDir, main: beginsWith, backEnds, receiver, held, store };
  const { services, lines, baseUrls } = await startServices(around);
  const [service] = services;
  if (service === undefined) throw new Error('a stage needs a service');
  return {
    ...{ dir, dataDir, service, services, main, emulator, backEnds, lines, receiver, store, baseUrls },
    database: held?.config ?? databaseConfig(dataDir),
    databasePid: held?.pid ?? service.databasePid,
    token: held?.token ?? service.token,
    executionFiles: [embeddedFile, ...backEnds.map(({ executionsFile }) => executionsFile)],
    logFiles: () => services.map((_, index) => logPathOf(logFolder(around), index)),
    async killBackEnd(random) {
      const [first, ...others] = backEnds;
      if (first) await random.pick([first, ...others]).kill(random.between(0, 1_500));
      else killPid(service.embeddedBackEndPid());
    },
    async stop() {
      for (const line of Object.values(lines).flat()) line.heal();
      await Promise.all(services.map((each) => each.terminate()));
      await Promise.all(backEnds.map((backEnd) => backEnd.stop()));
      await Promise.all(Object.values(lines).flatMap((group) => group.map((line) => line.stop())));
      await held?.stop();
      await store?.stop();
      await receiver.stop();
      program.remove();
      options.clear?.(dataDir);
    },
  };
}

async function startBackEnds(
  { setUp, backEndCount = 2, serviceMs = 30, nextFaults }: StageOptions,
  { dir, emulator }: { dir: string; emulator: string },
): Promise<BackEnd[]> {
  const count = setUp === 'fixed' ? backEndCount : 0;
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const backEnds = ports.map((port, index) =>
    createBackEnd({
      ...{ emulator, dir, port },
      serviceMs: serviceMs + (120 * index) / (count - 1 || 1),
      executionsFile: join(dir, `executions-${port}.jsonl`),
      ...(nextFaults ? { nextFaults } : {}),
    }),
  );
  for (const backEnd of backEnds) backEnd.start();
  return backEnds;
}

interface Surroundings {
  readonly options: StageOptions;
  readonly dir: string;
  readonly dataDir: string;
  readonly main: string;
  readonly backEnds: readonly BackEnd[];
  readonly receiver: Receiver;
  readonly held: HeldDatabase | undefined;
  readonly store: ObjectStore | undefined;
}

const logFolder = ({ options, dir, dataDir }: Surroundings) => options.logsIn?.(dataDir) ?? dir;

/** Of a replica that another one has replaced. */
const REPLACED = 75;

async function startServices(around: Surroundings) {
  const { options, dataDir, main, backEnds, held, store } = around;
  const { edges = [], replicas = 1 } = options;
  const ports = await Promise.all(Array.from({ length: replicas }, freePort));
  const [servicePort = 0] = ports;
  const ends = { servicePort, backEnds, databaseSocket: held?.socket, services: replicas, storeUrl: store?.url };
  const lines = await openLines(edges, ends);
  const args = comfyuiUrls(lines, backEnds).flatMap((url) => ['--comfyui', url]);
  const services = ports.map((port, index) =>
    createService({
      ...{ main, dataDir, env: environmentOf(around, lines, index), port, args },
      logPath: logPathOf(logFolder(around), index),
      goodExits: replicas > 1 ? [REPLACED] : [],
    }),
  );
  for (const service of services) {
    service.start();
    // The first one makes what the others find.
    if (replicas > 1) await service.whenReady();
  }
  const callable = lines.client.length > 0 ? lines.client.map(({ port }) => port) : ports;
  return { services, lines, baseUrls: callable.map(urlOf) };
}

function environmentOf(around: Surroundings, lines: Lines, index: number): Record<string, string> {
  const { options, receiver, held, store } = around;
  const badDatabase = lines.database[index];
  const databaseUrl =
    badDatabase === undefined ? held?.url : `postgres://comfleet@127.0.0.1:${badDatabase.port}/comfleet`;
  const [badStore] = lines.storage;
  return {
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
    ...store?.settings(badStore === undefined ? store.url : urlOf(badStore.port)),
    ...(options.logsIn === undefined ? {} : { TMPDIR: logFolder(around) }),
    COMFLEET_ALLOW_PRIVATE_HOSTS: receiver.host,
    COMFLEET_BILLING: 'on',
    ...options.env,
  };
}

const urlOf = (port: number) => `http://127.0.0.1:${port}`;

function comfyuiUrls({ instance }: Lines, backEnds: readonly BackEnd[]): string[] {
  return instance.length > 0 ? instance.map(({ port }) => urlOf(port)) : backEnds.map(({ url }) => url);
}

const logPathOf = (dir: string, index: number) => join(dir, index === 0 ? 'service.log' : `service-${index + 1}.log`);

export function killPid(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself a moment ago.
  }
}

/** Sets the stage, plays, and clears it away; its folder is kept when something was wrong. */
export async function onStage<T extends { readonly violations: readonly unknown[] }>(
  options: StageOptions,
  play: (stage: Stage) => Promise<T>,
): Promise<T & { readonly keptIn: string | undefined }> {
  const stage = await setStage(options);
  let isClean = false;
  try {
    const report = await play(stage);
    isClean = report.violations.length === 0;
    return { ...report, keptIn: isClean ? undefined : stage.dir };
  } finally {
    await stage.stop();
    if (isClean) rmSync(stage.dir, { recursive: true, force: true });
  }
}
