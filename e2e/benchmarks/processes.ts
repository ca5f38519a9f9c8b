// Child processes of a run: started with their output in a file, awaited, stopped, and all stopped at the end.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Child {
  readonly pid: number;
  readonly ended: Promise<number | null>;
  isRunning(): boolean;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

interface Command {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly logPath: string;
  readonly env?: Readonly<Record<string, string>>;
}

const STOP_WITHIN_MS = 20_000;

const running = new Set<Child>();

export function startNode(command: Command): Child {
  return startProgram(process.execPath, command);
}

export function startProgram(program: string, { args, cwd, logPath, env = {} }: Command): Child {
  const log = openSync(logPath, 'a');
  const made: ChildProcess = spawn(program, args, {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const { pid } = made;
  if (pid === undefined) throw new Error(`${program} ${args[0] ?? ''} could not be started`);
  const ended = new Promise<number | null>((resolve) => made.once('exit', resolve));
  const isRunning = () => made.exitCode === null && made.signalCode === null;
  const child: Child = {
    pid,
    ended,
    isRunning,
    signal: (name) => void made.kill(name),
    async stop() {
      if (!isRunning()) return;
      made.kill('SIGTERM');
      const timer = setTimeout(() => made.kill('SIGKILL'), STOP_WITHIN_MS);
      await ended;
      clearTimeout(timer);
    },
  };
  running.add(child);
  void ended.then(() => running.delete(child));
  return child;
}

/** After a row that failed half-way, and at the end of a run that is interrupted. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

// The caller's own settings must not reach the service that is measured.
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { PORT: _, HOST: __, DATABASE_URL: ___, ...rest } = process.env;
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('COMFLEET_')));
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

export interface Wait {
  readonly what: string;
  readonly withinMs: number;
  readonly child?: Child;
  readonly logPath?: string;
}

export async function waitUntil(
  isTrue: () => Promise<boolean>,
  { what, withinMs, child, logPath }: Wait,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isTrue().catch(() => false))) {
    const isOver = performance.now() > deadline || child?.isRunning() === false;
    if (isOver) throw new Error(`${what} did not come${logPath ? `; its log ends with:\n${tail(logPath)}` : ''}`);
    await sleep(20);
  }
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').slice(-2_000);
}

export async function answers(url: string): Promise<boolean> {
  const reply = await fetch(url);
  await reply.arrayBuffer();
  return reply.ok;
}
