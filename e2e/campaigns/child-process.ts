// One child process that a campaign starts, kills and starts again, and the small questions about processes and ports.
// service.ts and back-end.ts are made of it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  isRunning(): boolean;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<ProcessEnd>;
}

interface Command {
  args: readonly string[];
  cwd: string;
  env?: Readonly<Record<string, string>>;
  /** Both of its outputs are appended there. */
  logPath: string;
}

export function startChild({ args, cwd, env = {}, logPath }: Command): Child {
  const log = openSync(logPath, 'a');
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${args.join(' ')} could not be started`);
  const ended = once(child, 'exit').then(([code, signal]): ProcessEnd => ({ code, signal }));
  return { pid, ended, isRunning: () => isRunning(child), signal: (signal) => void child.kill(signal) };
}

const isRunning = (child: ChildProcess) => child.exitCode === null && child.signalCode === null;

// The settings of whoever runs the campaign do not reach what it starts.
function cleanEnvironment(): NodeJS.ProcessEnv {
  const isSetting = (name: string) => /^(COMFLEET_.*|DATABASE_URL|PORT|HOST|NODE_OPTIONS)$/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSetting(name)));
}

/** For processes that are not our children. A zombie counts as dead. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    // Where there is no /proc the signal alone has answered.
    return error instanceof Error && 'syscall' in error && error.syscall === 'open' && process.platform !== 'linux';
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port was given');
  return address.port;
}

/** Resolves with the milliseconds it took; undefined when the time is over. */
export async function waitUntil(
  isSo: () => boolean | Promise<boolean>,
  withinMs: number,
  pauseMs = 20,
): Promise<number | undefined> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < withinMs) {
    if (await isSo()) return performance.now() - startedAt;
    await sleep(pauseMs);
  }
  return undefined;
}
