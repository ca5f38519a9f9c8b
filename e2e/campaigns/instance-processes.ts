// The processes that serve as instances, found as an operator would find them: by the mark in their environment. Read by
// the campaign of faulty providers.
import { readdirSync, readFileSync } from 'node:fs';

export interface InstanceProcess {
  readonly pid: number;
  readonly instanceId: string;
}

const MARK = 'COMFLEET_INSTANCE_ID=';

/** Those of one campaign, known by the folder that their environment names. */
export function listInstanceProcesses(dir: string): InstanceProcess[] {
  return pids().flatMap((pid) => {
    const environment = environmentOf(pid);
    const mark = environment.find((line) => line.startsWith(MARK));
    if (mark === undefined || !environment.includes(`FLAKY_DIR=${dir}`)) return [];
    return [{ pid, instanceId: mark.slice(MARK.length) }];
  });
}

function pids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return []; // no /proc here
  }
}

function environmentOf(pid: number): string[] {
  try {
    if (/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) return [];
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return []; // another user's, or it ended just now
  }
}
