// The embedded PostgreSQL of an earlier start, on its way before the rest of the program is loaded: a killed one recovers
// meanwhile. Begun by start-server.ts; attach.ts takes it over, or start-server.ts stops it when the start comes to nothing.
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { binariesIn, locatePackage } from './binaries.ts';
import { findPostmaster, pause, removeStaleLockFiles, spawnPostmaster } from './postmaster.ts';
import { chooseSystemUser } from './system-user.ts';

const ABANDON_MS = 5_000;

let early: { readonly dir: string; readonly child: ChildProcess } | undefined;

/** Only where a server ran before and nothing has to be decided; in all other cases the start itself does it, and says why. */
export function startEarly(dataDir: string): void {
  try {
    const folder = realpathSync(dataDir);
    const dir = join(folder, 'postgres');
    const binaries = findUsedBinaries(dir);
    if (process.platform === 'win32' || binaries === undefined || findPostmaster(dir) !== undefined) return;
    const user = chooseSystemUser(dir);
    removeStaleLockFiles(dir);
    early = { dir, child: spawnPostmaster({ dir, user, binaries }, join(folder, 'postgres.log')) };
  } catch {
    // No data directory yet, or one that cannot be used.
  }
}

/** What the last server of the cluster was started from, when it is what a start would choose now. */
function findUsedBinaries(dir: string) {
  const { nativeDir, version } = locatePackage();
  const major = Number(readFileSync(join(dir, 'PG_VERSION'), 'utf8').trim());
  const [, used = ''] = /^(.*)\/bin\/postgres(?: |$)/.exec(readFileSync(join(dir, 'postmaster.opts'), 'utf8')) ?? [];
  const isChosen = used === nativeDir || used.endsWith(`/comfleet-postgres-${version}/native`);
  const binaries = binariesIn(used, version);
  return isChosen && major === binaries.majorVersion && existsSync(binaries.postgres) ? binaries : undefined;
}

/** It was started, and nobody took it yet. */
export const isEarly = (): boolean => early !== undefined;

/** Whoever takes it answers for it. */
export function takeEarly(dir: string): ChildProcess | undefined {
  if (early?.dir !== dir) return undefined;
  const { child } = early;
  early = undefined;
  return child;
}

/** Stops it, unless it was taken. */
export async function abandonEarly(): Promise<void> {
  const child = early?.child;
  early = undefined;
  if (child !== undefined) await stopChild(child);
}

/** It may not have written its pid yet, so nobody else could find it to stop it. */
export async function stopChild(child: ChildProcess): Promise<void> {
  child.kill('SIGINT');
  // In the middle of its recovery it takes a moment to hear of it.
  const until = performance.now() + ABANDON_MS;
  while (isRunning(child) && performance.now() < until) await pause(10);
  if (isRunning(child)) child.kill('SIGQUIT');
}

export function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}
