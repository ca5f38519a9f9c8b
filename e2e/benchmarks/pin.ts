// Ties a process with all its threads to some cores, where taskset exists. Row 9: one core for the gateway.
import { execFileSync } from 'node:child_process';

/** False where it cannot be done. */
export function pinTo(pid: number, cores: string): boolean {
  try {
    execFileSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
