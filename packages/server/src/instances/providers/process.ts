// The embedded back end as a child process: started with the service, restarted when it dies, left alive by a crash of
// the service and adopted by the next start (<data>/emulator.json says where it listens). Called by fleet.ts.
//
//   spawned ──says "ready"──▶ running ──exit──▶ gone ──pause──▶ spawned …
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../telemetry/log.ts';
import type { ProvidedInstance, Provider, ProviderEvents } from '../provider.ts';

interface Deps {
  readonly command: readonly string[];
  readonly dataDir: string;
  readonly newId: () => string;
  readonly log: Log;
}

interface Running {
  readonly pid: number;
  readonly instance: ProvidedInstance;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
const WATCH_MS = 200;
const STOP_MS = 3_000;
/** How long the back end waits for a next start after the service died. */
const LINGER_SECONDS = 30;

export function createProcessProvider(deps: Deps): Provider {
  const baseDir = join(deps.dataDir, 'emulator');
  const recordPath = join(deps.dataDir, 'emulator.json');
  let stopped = false;
  let running: Running | undefined;
  let child: ChildProcess | undefined;
  let loop: Promise<void> | undefined;

  async function keepRunning(events: ProviderEvents) {
    let pauseMs = FIRST_PAUSE_MS;
    let adopted = adopt(recordPath, baseDir);
    while (!stopped) {
      const startedAt = performance.now();
      const cause = adopted ? await watchAdopted(events, adopted) : await runChild(events);
      adopted = undefined;
      if (stopped) return;
      deps.log.warn({ cause }, 'the embedded back end ended; starting it again');
      // One that lived for a while starts again at once; one that dies at its start must not spin.
      pauseMs = performance.now() - startedAt > 10_000 ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      await sleep(pauseMs);
    }
  }

  async function watchAdopted(events: ProviderEvents, known: Running): Promise<string> {
    running = known;
    deps.log.info({ pid: known.pid, url: known.instance.baseUrl }, 'adopted the embedded back end of an earlier start');
    events.onStarted(known.instance);
    while (!stopped && isAlive(known.pid)) await sleep(WATCH_MS);
    if (!stopped) events.onGone(known.instance.id, 'its process ended');
    return 'the adopted process ended';
  }

  async function runChild(events: ProviderEvents): Promise<string> {
    mkdirSync(baseDir, { recursive: true });
    const [program = process.execPath, ...args] = deps.command;
    const logFile = openSync(join(deps.dataDir, 'emulator.log'), 'a');
    const made = spawn(program, [...args, '--port', '0', '--base-dir', baseDir, '--linger', String(LINGER_SECONDS)], {
      // Its own process group: a signal to ours must not reach it before we are done with it.
      detached: true,
      stdio: ['pipe', 'pipe', logFile],
    });
    closeSync(logFile);
    child = made;
    made.unref();
    const exited = new Promise<string>((resolve) => {
      made.once('error', (error) => resolve(error.message));
      made.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`));
    });
    const port = await Promise.race([readPort(made), exited.then(() => undefined)]);
    if (port !== undefined && made.pid !== undefined && !stopped) {
      const id = deps.newId();
      const instance = describe({ id, port, baseDir });
      running = { pid: made.pid, instance };
      writeFileSync(recordPath, JSON.stringify({ id, port, pid: made.pid, program: processName(made.pid) }), {
        mode: 0o600,
      });
      events.onStarted(instance);
    }
    const cause = await exited;
    const mine: Running | undefined = running;
    running = undefined;
    if (mine !== undefined && !stopped) events.onGone(mine.instance.id, cause);
    return cause;
  }

  return {
    kind: 'process',
    async start(events) {
      loop = keepRunning(events);
    },
    async stop() {
      stopped = true;
      const pid = running?.pid ?? child?.pid;
      if (pid !== undefined && isAlive(pid)) {
        await endProcess(pid);
        rmSync(recordPath, { force: true });
      }
      await loop;
    },
  };
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
    const record = JSON.parse(readFileSync(recordPath, 'utf8')) as {
      id: string;
      port: number;
      pid: number;
      program: string;
    };
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
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
