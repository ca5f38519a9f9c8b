// What a process has cost so far, from /proc: CPU of all its threads, of its children, and its resident memory.
// Elsewhere than on Linux every figure is NaN and shows as "-".
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const PAGE_BYTES = 4_096;

/** Milliseconds of CPU of all live threads. */
export function cpuMs(pid: number | undefined): number {
  if (pid === undefined) return Number.NaN;
  try {
    let nanoseconds = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) nanoseconds += readThread(pid, task);
    return nanoseconds / 1e6;
  } catch {
    return Number.NaN; // not Linux, or gone
  }
}

function readThread(pid: number, task: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return 0; // the thread ended between the two reads
  }
}

/**
 * Of a process and its direct children from now on: PostgreSQL's work is done by the postmaster's. A child that ends in
 * between takes its figure away, so it is left out; one that came is counted whole.
 */
export function watchCpuWithChildren(pid: number): () => number {
  const before = cpuByProcess(pid);
  return () => {
    let sum = 0;
    for (const [each, ms] of cpuByProcess(pid)) sum += ms - (before.get(each) ?? 0);
    return sum;
  };
}

function cpuByProcess(pid: number): Map<number, number> {
  return new Map([pid, ...childrenOf(pid)].map((each) => [each, cpuMs(each) || 0]));
}

function childrenOf(pid: number): number[] {
  return processIds().filter((each) => {
    try {
      const stat = readFileSync(`/proc/${each}/stat`, 'utf8');
      // The name in brackets may hold spaces.
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
    } catch {
      return false;
    }
  });
}

export function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return Number.NaN;
  }
}

/** Whose socket listens on this port of the loopback. */
export function pidListeningOn(port: number): number | undefined {
  try {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const line = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .find((cells) => cells[1]?.endsWith(`:${hex}`) && cells[3] === '0A');
    const inode = line?.[9];
    return inode === undefined ? undefined : processIds().find((pid) => holdsSocket(pid, inode));
  } catch {
    return undefined;
  }
}

function holdsSocket(pid: number, inode: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(pid, fd) === `socket:[${inode}]`);
  } catch {
    return false;
  }
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

function processIds(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 0);
}
