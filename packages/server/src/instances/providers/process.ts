// Instances as processes of this machine, one each, by the command of their SKU. A stop of the service ends them; its
// crash does not: the next start goes on with them. A GPU belongs to one instance until all of its processes are gone.
// Called by fleet.ts.
//
//   asked ──spawned──▶ running ──exit──▶ the rest of its group is ended ──▶ gone
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, type Log } from '../../telemetry/log.ts';
import { type InstanceSpec, type Provider, type ProviderEvents, StartRefused } from '../provider.ts';
import { findFreePort } from './free-port.ts';
import { readLogTail, trimLog } from './log-tail.ts';
import { endGroup, identify, isAlive, killGroup, listMarked } from './os-process.ts';
import { findProblem } from './process-check.ts';
import {
  type Exit,
  explainExit,
  fillCommand,
  INSTANCE_MARK,
  makeEnvironment,
  usesBaseDir,
} from './process-command.pure.ts';
import { inheritedEnvironment } from './process-environment.ts';
import { createProcessRecords, type ProcessRecord, type ProcessRecords } from './process-records.ts';
import { findRoom } from './process-room.pure.ts';
import type { ProcessSettings } from './process-settings.pure.ts';
import { sweepFolder } from './sweep-folder.ts';

interface Deps {
  /** By SKU. */
  readonly settings: ReadonlyMap<string, ProcessSettings>;
  readonly dataDir: string;
  readonly log: Log;
  /** No run writes for longer. */
  readonly runTimeoutMs: number;
}

interface Known {
  readonly sku: string;
  readonly gpu: string | undefined;
  port: number | undefined;
  pid: number | undefined;
  /** Why it is being ended; undefined while it is wanted. */
  endedBecause: string | undefined;
  begun: Promise<void>;
  gone: Promise<void>;
}

interface State {
  readonly deps: Deps;
  readonly records: ProcessRecords;
  readonly known: Map<string, Known>;
  events: ProviderEvents | undefined;
  isStopping: boolean;
}

const GRACE_MS = 5_000;
const WATCH_MS = 50;
const HOUR_MS = 3_600_000;
const SWEEP_MS = HOUR_MS / 6;
const TRIM_MS = 10_000;

export function createProcessProvider(deps: Deps): Provider {
  const records = createProcessRecords(deps.dataDir);
  const state: State = { deps, records, known: new Map(), events: undefined, isStopping: false };
  let timers: NodeJS.Timeout[] = [];
  return {
    kind: 'process',
    async start(events) {
      state.events = events;
      state.isStopping = false;
      for (const { id, record } of records.list()) await adopt(state, id, record);
      timers = [setInterval(() => void sweep(state), SWEEP_MS), setInterval(() => void trimLogs(state), TRIM_MS)];
      for (const timer of timers) timer.unref();
    },
    async stop() {
      state.isStopping = true;
      for (const timer of timers) clearInterval(timer);
      await Promise.all([...state.known.keys()].map((id) => end(state, id, 'the service was stopped')));
    },
    create: (spec) => create(state, spec),
    remove: (id) => end(state, id, 'it was removed'),
    logTail: (id) => readLogTail(records.logOf(id)),
    roomFor(sku, asked) {
      const coming = asked.filter(({ id }) => !state.known.has(id)).map((spec) => ({ sku: spec.sku, gpu: undefined }));
      const { left, because } = findRoom(deps.settings, sku, [...state.known.values(), ...coming]);
      return { left, because };
    },
    async check() {
      const found = [...deps.settings].map(async ([sku, settings]) => ({ sku, says: await findProblem(settings) }));
      return (await Promise.all(found)).flatMap(({ sku, says }) => (says === undefined ? [] : [{ sku, says }]));
    },
  };
}

async function create(state: State, spec: InstanceSpec): Promise<void> {
  const before = state.known.get(spec.id);
  if (before) return await before.begun;
  if (state.isStopping) throw new StartRefused('the service is stopping');
  const settings = state.deps.settings.get(spec.sku);
  if (settings === undefined) {
    throw new StartRefused(`the hardware "${spec.sku}" has no process settings in comfleet.config.json any more`);
  }
  const gone = Promise.resolve();
  const known: Known = {
    sku: spec.sku,
    gpu: chooseGpu(state, spec.sku),
    port: undefined,
    pid: undefined,
    endedBecause: undefined,
    begun: gone,
    gone,
  };
  state.known.set(spec.id, known);
  known.begun = begin(state, spec, settings);
  await known.begun.catch((error) => {
    state.known.delete(spec.id);
    state.records.remove(spec.id);
    throw error instanceof StartRefused ? error : new StartRefused(`it could not be started: ${error.message}`);
  });
}

/** Undefined where none is assigned; throws when there is room for no other instance. */
function chooseGpu({ deps, known }: State, sku: string): string | undefined {
  const room = findRoom(deps.settings, sku, [...known.values()]);
  if (room.left <= 0) throw new StartRefused(room.because);
  return room.gpu;
}

async function begin(state: State, spec: InstanceSpec, settings: ProcessSettings): Promise<void> {
  const { records, known } = state;
  const own = known.get(spec.id);
  const problem = await findProblem(settings);
  if (problem !== undefined) throw new StartRefused(problem);
  const taken = new Set([...known.values()].map(({ port }) => port));
  const port = await findFreePort((each) => !taken.has(each));
  if (own === undefined || own.endedBecause !== undefined)
    throw new StartRefused('it was removed before it was started');
  own.port = port;
  const child = await spawnChild(state, spec, { settings, port, gpu: own.gpu });
  const exited = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const pid = child.pid ?? 0;
  own.pid = pid;
  const hasBaseDir = usesBaseDir(settings);
  try {
    const record = { spec, pid, identity: identify(pid) ?? '', port, gpu: own.gpu, hasBaseDir };
    records.write(record);
    own.gone = watch(state, record, exited);
    tellStarted(state, record);
  } catch (error) {
    await killGroup(pid); // nobody will know of it, such as without its record on a full disk
    throw error;
  }
}

async function spawnChild(
  { deps, records }: State,
  { id }: InstanceSpec,
  made: { settings: ProcessSettings; port: number; gpu: string | undefined },
): Promise<ChildProcess> {
  const { settings, gpu } = made;
  const baseDir = records.baseDirOf(id);
  records.announce(id);
  if (usesBaseDir(settings)) mkdirSync(baseDir, { recursive: true });
  const [program = '', ...args] = fillCommand(settings, { ...made, baseDir, id });
  const logFile = openSync(records.logOf(id), 'a', 0o600);
  try {
    const child = spawn(program, args, {
      // A group of its own: a signal to ours must not reach it, and one to its group reaches all that it started.
      detached: true,
      stdio: ['ignore', logFile, logFile],
      cwd: settings.cwd,
      env: makeEnvironment(inheritedEnvironment(settings.envFrom), settings, { gpu, id }),
    });
    await once(child, 'spawn');
    child.unref();
    deps.log.info({ instanceId: id, pid: child.pid, port: made.port, gpu }, 'started an instance');
    return child;
  } finally {
    closeSync(logFile);
  }
}

function tellStarted({ events, records }: State, { spec, port, hasBaseDir }: ProcessRecord): void {
  const baseDir = records.baseDirOf(spec.id);
  const folders = hasBaseDir ? { output: join(baseDir, 'output'), temp: join(baseDir, 'temp') } : undefined;
  events?.onStarted({ id: spec.id, baseUrl: `http://127.0.0.1:${port}`, folders, spec });
}

async function watch(state: State, { spec, pid }: ProcessRecord, exited: Promise<Exit>): Promise<void> {
  const { id } = spec;
  const exit = await exited;
  await killGroup(pid);
  const explained = explainExit(exit, await readLogTail(state.records.logOf(id)));
  const because = state.known.get(id)?.endedBecause;
  state.known.delete(id);
  state.records.remove(id);
  // What it leaves is kept for a while from now on.
  const now = new Date();
  await utimes(state.records.baseDirOf(id), now, now).catch(() => undefined);
  if (because === undefined) state.events?.onGone(id, explained.cause, explained.kind);
  else state.events?.onGone(id, because, 'removed');
}

async function end(state: State, id: string, because: string): Promise<void> {
  const known = state.known.get(id);
  if (known === undefined) return;
  known.endedBecause ??= because;
  await known.begun.catch(() => undefined); // it was refused: create() says so
  if (known.pid !== undefined && state.known.has(id)) await endGroup(known.pid, GRACE_MS);
  await known.gone;
}

// Of an earlier start of the service. What is there without a readable record serves nobody, and holds a GPU.
async function adopt(state: State, id: string, record: ProcessRecord | undefined): Promise<void> {
  const { log } = state.deps;
  if (state.known.has(id)) return;
  if (record === undefined || !isSame(record)) {
    for (const pid of listMarked(INSTANCE_MARK, id)) {
      log.warn({ instanceId: id, pid }, 'a process without a readable record, or without its first process, is ended');
      endOne(pid);
    }
    return state.records.remove(id);
  }
  const { spec, pid, port, gpu } = record;
  log.info({ instanceId: id, pid, port }, 'adopted an instance of an earlier start');
  const begun = Promise.resolve();
  const known: Known = { sku: spec.sku, gpu, port, pid, endedBecause: undefined, begun, gone: begun };
  state.known.set(id, known);
  known.gone = watch(state, record, waitForEnd(record));
  tellStarted(state, record);
}

function isSame({ pid, identity }: ProcessRecord): boolean {
  return isAlive(pid) && identify(pid) === identity;
}

function endOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone meanwhile
  }
}

async function waitForEnd(record: ProcessRecord): Promise<undefined> {
  while (isAlive(record.pid)) await sleep(WATCH_MS, undefined, { ref: false });
}

async function sweep({ deps, records, known }: State): Promise<void> {
  const now = Date.now();
  try {
    for (const id of known.keys()) {
      await sweepFolder({ dir: join(records.baseDirOf(id), 'output'), keepMs: deps.runTimeoutMs + HOUR_MS }, now);
      await sweepFolder({ dir: join(records.baseDirOf(id), 'temp'), keepMs: 24 * HOUR_MS }, now);
    }
    const isInUse = (name: string) => known.has(name.replace(/\.(json|log)$/, ''));
    await sweepFolder({ dir: records.dir, keepMs: HOUR_MS, isKept: isInUse }, now);
  } catch (error) {
    deps.log.warn(describeError(error), 'what gone instances left could not be removed');
  }
}

async function trimLogs({ deps, records, known }: State): Promise<void> {
  for (const id of known.keys()) {
    await trimLog(records.logOf(id)).catch((error) =>
      deps.log.warn({ instanceId: id, ...describeError(error) }, 'a log could not be shortened'),
    );
  }
}
