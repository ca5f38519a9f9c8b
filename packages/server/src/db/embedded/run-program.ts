// Runs one of PostgreSQL's programs to its end, with an argument array and a fixed environment. Never rejects.
import { spawn } from 'node:child_process';
import type { SystemUser } from './system-user.ts';

export interface ProgramEnd {
  readonly code: number | null;
  readonly output: string;
  /** The program or the loader it names is not there. */
  readonly isMissing: boolean;
}

/** Nothing of ours is inherited: PGDATA, PGHOST, LD_LIBRARY_PATH or a locale of the caller would change what happens. */
export const PROGRAM_ENV: NodeJS.ProcessEnv = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

const MOST_OUTPUT_CHARS = 8_000;

export function runProgram(
  path: string,
  args: readonly string[],
  options: { user: SystemUser | undefined; cwd?: string },
): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException): void =>
      resolve({ code: null, output: error.message, isMissing: error.code === 'ENOENT' });
    const child = trySpawn(path, args, options);
    if (child instanceof Error) {
      fail(child);
      return;
    }
    let output = '';
    const collect = (bytes: Buffer): void => {
      output = (output + bytes.toString()).slice(-MOST_OUTPUT_CHARS);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', fail);
    child.once('close', (code) => resolve({ code, output: output.trim(), isMissing: false }));
  });
}

/** Node throws some failures to spawn (EPERM: this root may not become another user) and emits others. */
function trySpawn(path: string, args: readonly string[], options: { user: SystemUser | undefined; cwd?: string }) {
  try {
    return spawn(path, args, {
      ...options.user,
      cwd: options.cwd ?? '/',
      env: PROGRAM_ENV,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
