// The service as an operator would run it: started again whenever it ends. A campaign kills it, its database and its
// embedded back end through this.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, isAlive, startChild, waitUntil } from './child-process.ts';

/** One token sends all the load here. */
const NO_LIMITS = { COMFLEET_RATE_LIMIT_WRITES: '0', COMFLEET_RATE_LIMIT_READS: '0' };
// The very first start sets the database up; a busy machine takes its time over it.
const READY_WITHIN_MS = 180_000;
const NUDGES_EVERY_MS = 100;
const ANSWERS_WITHIN_MS = 5_000;

interface ServiceOptions {
  main: string;
  dataDir: string;
  port: number;
  /** After `start`. */
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  logPath: string;
  /** Exit codes that are no accident: a replica that was replaced ends with one, to be started again. */
  goodExits?: readonly number[];
}

export interface CrashWait {
  /** From the moment that it is ready. */
  readonly withinMs: number;
  /** Called again and again once it is ready, to bring it to that point. */
  readonly nudge?: () => Promise<void>;
}

export interface Service {
  readonly baseUrl: string;
  /** Milliseconds from each start to the first moment that submits were accepted. */
  readonly readyMs: number[];
  /** Ends that nobody had asked for, in words. */
  readonly unexpectedEnds: string[];
  pid(): number | undefined;
  start(): void;
  /** Another program, from its next start on. */
  become(main: string): void;
  isReady(): Promise<boolean>;
  whenReady(): Promise<void>;
  token(): string;
  databasePid(): number | undefined;
  embeddedBackEndPid(): number | undefined;
  /** kill -9, and a new start. */
  kill(): Promise<void>;
  /** kill -9, and nothing more. */
  killForGood(): Promise<void>;
  /** SIGSTOP, and SIGCONT after a while. */
  pause(forMs: number): Promise<void>;
  /** kill -9, and a new start that kills itself at this crash point; true once it did. */
  crashAt(point: string, wait: CrashWait): Promise<boolean>;
  /** SIGTERM, and no new start; the exit code and how long it took. */
  terminate(): Promise<{ code: number | null; ms: number }>;
  /** For one that is expected to end by itself: no new start. */
  runToItsEnd(): Promise<{ code: number | null; said: string }>;
}

export function createService(options: ServiceOptions): Service {
  const { dataDir, goodExits = [] } = options;
  const baseUrl = `http://127.0.0.1:${options.port}`;
  const readyMs: number[] = [];
  const unexpectedEnds: string[] = [];
  const asked = new WeakSet<Child>();
  const program = { main: options.main };
  let child: Child | undefined;

  const isReady = () => answersReady(baseUrl);
  function start(env: Readonly<Record<string, string>> = {}): Child {
    const started = launch({ ...options, ...program, env: { ...options.env, ...env } });
    child = started;
    void started.ended.then(async ({ code, signal }) => {
      if (asked.has(started)) return;
      if (code === null || !goodExits.includes(code)) unexpectedEnds.push(signal ?? `exit code ${code}`);
      await sleep(200);
      if (child === started) start();
    });
    void waitUntil(async () => !started.isRunning() || (await isReady()), READY_WITHIN_MS).then((ms) => {
      if (ms !== undefined && started.isRunning()) readyMs.push(ms);
    });
    return started;
  }

  async function end(): Promise<boolean> {
    if (child === undefined) return false;
    asked.add(child);
    child.signal('SIGKILL');
    await child.ended;
    return true;
  }

  return {
    baseUrl,
    readyMs,
    unexpectedEnds,
    pid: () => (child?.isRunning() ? child.pid : undefined),
    start: () => void start(),
    become: (main) => void Object.assign(program, { main }),
    isReady,
    whenReady: () => untilReady(isReady),
    ...readDataDirectory(dataDir),
    async kill() {
      if (await end()) start();
    },
    killForGood: async () => void (await end()),
    pause: (forMs) => pauseChild(child, forMs),
    async crashAt(point, wait) {
      await end();
      const crashing = start({ COMFLEET_CRASH_AT: point });
      asked.add(crashing);
      await waitUntil(async () => !crashing.isRunning() || (await isReady()), READY_WITHIN_MS);
      return await waitForCrash(crashing, wait);
    },
    runToItsEnd: () => runToItsEnd(options),
    async terminate() {
      if (child === undefined) return { code: 0, ms: 0 };
      asked.add(child);
      return await terminateChild(child);
    },
  };
}

async function untilReady(isReady: () => Promise<boolean>): Promise<void> {
  const ms = await waitUntil(isReady, READY_WITHIN_MS);
  if (ms === undefined) throw new Error(`the service was not ready within ${READY_WITHIN_MS / 1000} s`);
}

async function waitForCrash(crashing: Child, { withinMs, nudge }: CrashWait): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (crashing.isRunning() && performance.now() < until) {
    await Promise.race([crashing.ended, Promise.all([nudge?.(), sleep(NUDGES_EVERY_MS)])]);
  }
  return !crashing.isRunning();
}

async function pauseChild(child: Child | undefined, forMs: number): Promise<void> {
  child?.signal('SIGSTOP');
  await sleep(forMs);
  child?.signal('SIGCONT');
}

async function terminateChild(child: Child): Promise<{ code: number | null; ms: number }> {
  const startedAt = performance.now();
  child.signal('SIGTERM');
  const { code } = await child.ended;
  return { code, ms: performance.now() - startedAt };
}

async function runToItsEnd(options: ServiceOptions): Promise<{ code: number | null; said: string }> {
  const { code } = await launch(options).ended;
  return { code, said: readFileSync(options.logPath, 'utf8') };
}

/** What the service leaves there for others to read. */
function readDataDirectory(dataDir: string): Pick<Service, 'token' | 'databasePid' | 'embeddedBackEndPid'> {
  return {
    token: () => readFileSync(join(dataDir, 'admin-token'), 'utf8').trim(),
    databasePid: () => readPid(() => readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]),
    embeddedBackEndPid: () => readPid(() => JSON.parse(readFileSync(join(dataDir, 'emulator.json'), 'utf8')).pid),
  };
}

function launch({ main, port, dataDir, args, env = {}, logPath }: ServiceOptions): Child {
  const all = [main, 'start', '--host', '127.0.0.1', '--port', String(port), '--data', dataDir, ...args];
  return startChild({ args: all, cwd: dataDir, env: { ...NO_LIMITS, ...env }, logPath });
}

async function answersReady(baseUrl: string): Promise<boolean> {
  try {
    const reply = await fetch(`${baseUrl}/readyz`, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
    await reply.arrayBuffer();
    return reply.ok;
  } catch {
    return false; // nothing listens, or it stands still
  }
}

function readPid(read: () => unknown): number | undefined {
  try {
    const pid = Number(read());
    return Number.isInteger(pid) && pid > 1 && isAlive(pid) ? pid : undefined;
  } catch {
    return undefined; // no such file yet
  }
}
