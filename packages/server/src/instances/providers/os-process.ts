// Processes of this machine, known by their id: whether one is still the one that was started, and the end of its whole
// group. A process id alone is not enough: the system gives it to another program later. Called by embedded.ts and process.ts.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 20;
const LONGEST_LOOK_MS = 1_000;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return readStat(pid)?.state !== 'Z';
}

/** The same for as long as the process lives, also when it runs another program; never that of a later one. */
export function identify(pid: number): string | undefined {
  const stat = readStat(pid);
  if (stat !== undefined) return `${readText('/proc/sys/kernel/random/boot_id').trim()} ${stat.startedAt}`;
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout?.trim() || undefined;
}

/** Asks the group of `pid` to end, and makes it after `graceMs`. Resolves when none of it is left. */
export async function endGroup(pid: number, graceMs: number): Promise<void> {
  signalGroup(pid, 'SIGTERM');
  const until = performance.now() + graceMs;
  while (isGroupAlive(pid) && performance.now() < until) await sleep(LOOK_MS);
  await killGroup(pid);
}

export async function killGroup(pid: number): Promise<void> {
  signalGroup(pid, 'SIGKILL');
  // One that hangs in its driver or its disk outlives even this for as long as that takes.
  for (let pauseMs = LOOK_MS; isGroupAlive(pid); pauseMs = Math.min(2 * pauseMs, LONGEST_LOOK_MS)) await sleep(pauseMs);
}

/** Processes that were started with `name=value` in their environment; none where the system does not tell. */
export function listMarked(name: string, value: string): number[] {
  const mark = `${name}=${value}`;
  return listPids().filter((pid) => isAlive(pid) && readText(`/proc/${pid}/environ`).split('\0').includes(mark));
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // none of it is left
  }
}

function isGroupAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
  } catch {
    return false;
  }
  // The dead are listed until somebody asks what became of them, which for others' children may be never.
  const stats = listPids().map(readStat);
  return stats.length === 0 || stats.some((stat) => stat?.group === pid && stat.state !== 'Z');
}

function listPids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return []; // no /proc here
  }
}

function readStat(pid: number): { state: string; group: number; startedAt: string } | undefined {
  const text = readText(`/proc/${pid}/stat`);
  // The program's name is in parentheses and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, , group] = fields;
  const startedAt = fields[19];
  return state && startedAt ? { state, group: Number(group), startedAt } : undefined;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // no /proc here, another user's, or it has gone just now
  }
}
