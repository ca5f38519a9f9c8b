// The embedded back end as a child process: started with the service, restarted when it dies, left alive by a crash of
// the service and adopted by the next start (<data>/emulator.json says where it listens). Called by fleet.ts.
//
//   spawned ──says "ready"──▶ running ──exit──▶ gone ──pause──▶ spawned …
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, type Log } from '../../telemetry/log.ts';
import type { ProvidedInstance, Provider, ProviderEvents } from '../provider.ts';
import { readLogTail } from './log-tail.ts';
import { isAlive } from './os-process.ts';
import { sweepFolder } from './sweep-folder.ts';

interface Deps {
  readonly command: readonly string[];
  readonly dataDir: string;
  readonly newId: () => string;
  readonly log: Log;
  /** No run writes for longer. */
  readonly runTimeoutMs: number;
}

interface Running {
  readonly pid: number;
  readonly instance: ProvidedInstance;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/** Longer than this, and its end was no failure to start. */
const LIVED_MS = 2_000;
const WATCH_MS = 50;
const STOP_MS = 3_000;
const HOUR_MS = 3_600_000;
const SWEEP_MS = HOUR_MS / 6;
/** How long the back end waits for a next start after the service died. */
const LINGER_SECONDS = 30;

const LOG_FILE = 'emulator.log';

interface State {
  readonly deps: Deps;
  readonly baseDir: string;
  readonly recordPath: string;
  stopped: boolean;
  pid: number | undefined;
}

export function createEmbeddedProvider(deps: Deps): Provider {
  const state: State = {
    deps,
    baseDir: join(deps.dataDir, 'emulator'),
    recordPath: join(deps.dataDir, 'emulator.json'),
    stopped: false,
    pid: undefined,
  };
  let loop: Promise<void> | undefined;
  let sweepTimer: NodeJS.Timeout | undefined;
  return {
    kind: 'process',
    async start(events) {
      loop = keepRunning(state, events);
      sweepTimer = setInterval(() => void sweepOutputs(state), SWEEP_MS).unref();
    },
    logTail: () => readLogTail(join(deps.dataDir, LOG_FILE)),
    restart() {
      if (state.pid !== undefined) endProcess(state.pid).catch(() => undefined); // keepRunning() sees what became of it
    },
    async stop() {
      state.stopped = true;
      clearInterval(sweepTimer);
      if (state.pid !== undefined && isAlive(state.pid)) await endProcess(state.pid);
      rmSync(state.recordPath, { force: true });
      await loop;
    },
  };
}

// Outputs are in folders of their attempts and stored within moments; previews may be shown again from a cache.
async function sweepOutputs({ baseDir, deps }: State): Promise<void> {
  try {
    await sweepFolder({ dir: join(baseDir, 'output'), keepMs: deps.runTimeoutMs + HOUR_MS }, Date.now());
    await sweepFolder({ dir: join(baseDir, 'temp'), keepMs: 24 * HOUR_MS }, Date.now());
  } catch (error) {
    deps.log.warn(describeError(error), 'old outputs of the embedded back end could not be removed');
  }
}

async function keepRunning(state: State, events: ProviderEvents): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  let adopted = adopt(state.recordPath, state.baseDir);
  while (!state.stopped) {
    const startedAt = performance.now();
    const cause = adopted ? await watchAdopted(state, events, adopted) : await runChild(state, events).catch(messageOf);
    adopted = undefined;
    if (state.stopped) return;
    state.deps.log.warn({ cause }, 'the embedded back end ended; starting it again');
    // One that lived for a while starts again at once; one that dies at its start must not spin.
    pauseMs = performance.now() - startedAt > LIVED_MS ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    await sleep(pauseMs);
  }
}

async function watchAdopted(state: State, events: ProviderEvents, known: Running): Promise<string> {
  const { log } = state.deps;
  state.pid = known.pid;
  log.info({ pid: known.pid, url: known.instance.baseUrl }, 'adopted the embedded back end of an earlier start');
  events.onStarted(known.instance);
  while (!state.stopped && isAlive(known.pid)) await sleep(WATCH_MS);
  const cause = 'the adopted process ended';
  if (!state.stopped) events.onGone(known.instance.id, cause);
  return cause;
}

async function runChild(state: State, events: ProviderEvents): Promise<string> {
  const child = spawnChild(state);
  state.pid = child.pid;
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`));
  });
  const port = await Promise.race([readPort(child), exited.then(() => undefined)]);
  if (port === undefined || child.pid === undefined || state.stopped) return await exited;
  const id = state.deps.newId();
  keepRecord(state, { id, port, pid: child.pid, program: processName(child.pid) });
  events.onStarted(describe({ id, port, baseDir: state.baseDir }));
  const cause = await exited;
  if (!state.stopped) events.onGone(id, cause);
  return cause;
}

interface Kept {
  readonly id: string;
  readonly port: number;
  readonly pid: number;
  readonly program: string;
}

/** Without it, as on a full disk, it works all the same; the next start does not know it again, and it ends by itself. */
function keepRecord({ deps, recordPath }: State, record: Kept): void {
  try {
    writeFileSync(recordPath, JSON.stringify(record), { mode: 0o600 });
  } catch (error) {
    deps.log.warn(describeError(error), 'where the embedded back end listens could not be written down');
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function spawnChild({ deps, baseDir }: State): ChildProcess {
  mkdirSync(baseDir, { recursive: true });
  const [program = process.execPath, ...args] = deps.command;
  const logFile = openSync(join(deps.dataDir, LOG_FILE), 'a');
  const more = ['--port', '0', '--base-dir', baseDir, '--linger', String(LINGER_SECONDS)];
  // Its own process group: a signal to ours must not reach it before we are done with it.
  const child = spawn(program, [...args, ...more], { detached: true, stdio: ['pipe', 'pipe', logFile] });
  closeSync(logFile);
  child.unref();
  return child;
}

function describe(made: { id: string; port: number; baseDir: string }): ProvidedInstance {
  const folders = { output: join(made.baseDir, 'output'), temp: join(made.baseDir, 'temp') };
  return { id: made.id, baseUrl: `http://127.0.0.1:${made.port}`, folders };
}

async function readPort(child: ChildProcess): Promise<number | undefined> {
  if (child.stdout === null) return undefined;
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    try {
      const { ready, port } = JSON.parse(line) as { ready?: boolean; port?: number };
      if (ready === true && Number.isInteger(port)) {
        child.stdout.resume(); // whatever it says later must not fill the pipe
        return port;
      }
    } catch {
      // some other line of output
    }
  }
  return undefined;
}

// Only a process that is what the record says: a pid may have been given to another program since.
function adopt(recordPath: string, baseDir: string): Running | undefined {
  try {
    const record = JSON.parse(readFileSync(recordPath, 'utf8')) as Kept;
    if (!isAlive(record.pid) || processName(record.pid) !== record.program) return undefined;
    return { pid: record.pid, instance: describe({ ...record, baseDir }) };
  } catch {
    return undefined; // no record: nothing to adopt
  }
}

function processName(pid: number): string {
  try {
    return `${readlinkSync(`/proc/${pid}/exe`)} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1')}`;
  } catch {
    return ''; // no /proc here: the pid alone has to do
  }
}

async function endProcess(pid: number) {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return; // gone
    }
    const until = performance.now() + STOP_MS;
    while (isAlive(pid) && performance.now() < until) await sleep(20);
    if (!isAlive(pid)) return;
  }
}
