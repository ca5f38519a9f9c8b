// Finds PostgreSQL's programs in the npm package of this platform and makes them usable: links that npm did not make,
// and a copy when the package's folder cannot be used as it is. Called by embedded.ts at each start.
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError, USE_DATABASE_URL } from './embedded-postgres-error.ts';
import { runProgram } from './run-program.ts';
import { canReach, type SystemUser } from './system-user.ts';

export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly majorVersion: number;
}

const PLATFORMS: Partial<Record<NodeJS.Platform, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };

export interface BinariesWanted {
  readonly user: SystemUser | undefined;
  /** Where a copy may go, best first. */
  readonly copyDirs: readonly string[];
  readonly require?: NodeJS.Require;
}

export async function prepareBinaries({ user, copyDirs, require }: BinariesWanted): Promise<Binaries> {
  const { nativeDir, version } = locatePackage(require);
  const inPlace = await whyUnusable(nativeDir, user);
  if (inPlace === undefined) return binariesIn(nativeDir, version);
  const reasons = [`${nativeDir}: ${inPlace}`];
  for (const copyDir of copyDirs) {
    try {
      const copied = copyPackage(nativeDir, join(copyDir, `comfleet-postgres-${version}`));
      const reason = await whyUnusable(copied, user);
      if (reason === undefined) return binariesIn(copied, version);
      reasons.push(`${copied}: ${reason}`);
    } catch (error) {
      reasons.push(`${copyDir}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new EmbeddedPostgresError(
    `the embedded PostgreSQL cannot be run here; ${USE_DATABASE_URL}. Tried:\n  ${reasons.join('\n  ')}`,
  );
}

export function locatePackage(require: NodeJS.Require = createRequire(import.meta.url)): {
  nativeDir: string;
  version: string;
} {
  const name = `@embedded-postgres/${PLATFORMS[process.platform] ?? process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `there is no embedded PostgreSQL here: the package ${name} is not installed (it does not exist for every ` +
        `platform, and npm skips it with --omit=optional); ${USE_DATABASE_URL}`,
      { cause },
    );
  }
  const root = dirname(dirname(entry));
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { nativeDir: join(root, 'native'), version: manifest.version };
}

export function binariesIn(nativeDir: string, version: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    postgres: join(nativeDir, 'bin', `postgres${suffix}`),
    initdb: join(nativeDir, 'bin', `initdb${suffix}`),
    majorVersion: Number.parseInt(version, 10),
  };
}

/** A reason, or undefined when the programs run from there as that user. */
async function whyUnusable(nativeDir: string, user: SystemUser | undefined): Promise<string | undefined> {
  // initdb hands its own path to a shell, between double quotes.
  if (process.platform !== 'win32' && /["`$\\\n]/.test(nativeDir))
    return 'the path has a character that a shell would read';
  const { postgres } = binariesIn(nativeDir, '0');
  if (!existsSync(postgres)) return 'the programs are missing';
  if (user && !canReach(join(nativeDir, 'share', 'postgresql'), user)) return `user ${user.uid} cannot read it`;
  try {
    makeExecutable(nativeDir);
    makeLinks(nativeDir);
  } catch (error) {
    return `its links cannot be made: ${error instanceof Error ? error.message : String(error)}`;
  }
  const probe = await runProgram(postgres, ['--version'], { user });
  if (probe.code === 0) return undefined;
  return probe.isMissing ? `its C library is not this system's (musl, as in Alpine, is not supported)` : probe.output;
}

/** Unpackers that forget modes leave programs that are not. */
function makeExecutable(nativeDir: string): void {
  for (const program of ['postgres', 'initdb', 'pg_ctl']) {
    const path = join(nativeDir, 'bin', program);
    const mode = statSync(path, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o111) === 0) chmodSync(path, 0o755);
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

/** npm packs no symbolic links; the package's install script makes them, and npm may be told to run no scripts. */
function makeLinks(nativeDir: string): void {
  const list = join(nativeDir, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as Link[]) {
    const path = join(dirname(nativeDir), target);
    if (lstatSync(path, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(basename(source), path);
    } catch (error) {
      // Another process may be starting from the same folder.
      if (!lstatSync(path, { throwIfNoEntry: false })) throw error;
    }
  }
}

/** The folder appears complete or not at all. `native` is kept in the path because the list of links names it. */
function copyPackage(nativeDir: string, to: string): string {
  const copied = join(to, 'native');
  if (existsSync(copied)) return requireOurs(to, copied);
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  const partial = `${to}.partial-${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  cpSync(nativeDir, join(partial, 'native'), { recursive: true, verbatimSymlinks: true });
  openToAll(partial);
  try {
    renameSync(partial, to);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(copied)) throw error;
  }
  return requireOurs(to, copied);
}

/** In a folder like /tmp anyone could have put programs in our copy's place. */
function requireOurs(dir: string, copied: string): string {
  const { uid, mode } = lstatSync(dir);
  const own = process.getuid?.();
  if (own !== undefined && (uid !== own || (mode & 0o022) !== 0)) throw new Error(`${dir} is not only ours to write`);
  return copied;
}

/** cpSync keeps modes, and an installation under umask 077 has none for others. */
function openToAll(dir: string): void {
  const inside = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  for (const path of [dir, ...inside.map((name) => join(dir, name))]) {
    const status = lstatSync(path);
    if (status.isSymbolicLink()) continue;
    chmodSync(path, status.isDirectory() || (status.mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}
