// Stops a process and its children for a while, as a machine that swaps or a debugger would.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export async function pauseProcesses(pid: number | undefined, forMs: number): Promise<void> {
  if (pid === undefined) return;
  const pids = [pid, ...childrenOf(pid)];
  signalAll(pids, 'SIGSTOP');
  await sleep(forMs);
  signalAll(pids, 'SIGCONT');
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

function childrenOf(parent: number): number[] {
  try {
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
    return pids.filter((pid) => parentOf(pid) === parent);
  } catch {
    return []; // no /proc: the parent alone
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]);
  } catch {
    return undefined; // it ended meanwhile
  }
}
