// What a service holds and what it wrote, seen from outside: descriptors, memory, temporary files, and secrets in its logs.
// Read by verdict.ts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Leftover } from './history.pure.ts';

export interface Holdings {
  readonly descriptors: number;
  readonly megabytes: number;
}

/** Undefined where there is no /proc. */
export function readHoldings(pid: number | undefined): Holdings | undefined {
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`).length;
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return { descriptors, megabytes: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024) };
  } catch {
    return undefined;
  }
}

/** Connections that are kept for the next call, and a heap that has seen a storm. */
const DESCRIPTORS = 60;
const MEGABYTES = 400;

export function compareHoldings(before: Holdings | undefined, after: Holdings | undefined): Leftover[] {
  if (before === undefined || after === undefined) return [];
  return [
    { what: 'descriptors', before: before.descriptors, after: after.descriptors, allowance: DESCRIPTORS },
    { what: 'megabytes', before: before.megabytes, after: after.megabytes, allowance: MEGABYTES },
  ];
}

export function findLeaks(files: readonly string[], secrets: readonly string[]): string[] {
  return files.filter(existsSync).flatMap((file) => {
    const lines = readFileSync(file, 'utf8').split('\n');
    const told = lines.find((line) => secrets.some((secret) => line.includes(secret)));
    return told === undefined ? [] : [`${file} has a secret: ${told.slice(0, 300)}`];
  });
}
