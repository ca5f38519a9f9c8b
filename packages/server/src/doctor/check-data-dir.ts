// Whether the data folder can be used, is nobody else's to read, and has room. Called by check-start.ts.
import { randomUUID } from 'node:crypto';
import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../files/make-folder.ts';
import { type Finding, fail, messageOf, ok, warn } from './finding.ts';

const WHAT = 'data folder';
const READABLE_BY_OTHERS = 0o007;
const NONE_FREE_BYTES = 64 * 1024 * 1024;
const LITTLE_FREE_BYTES = 2 * 1024 ** 3;

export function checkDataDir(dir: string): Finding[] {
  try {
    makeFolder(dir);
    const probe = join(dir, `probe-${randomUUID()}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    return [
      fail(
        WHAT,
        `${dir} cannot be written to (${messageOf(error)}): give it to this user, or set COMFLEET_DATA to another.`,
      ),
    ];
  }
  return [judgeMode(dir), judgeRoom(dir)];
}

function judgeMode(dir: string): Finding {
  const { mode } = statSync(dir);
  if ((mode & READABLE_BY_OTHERS) === 0) return ok(WHAT, `${dir} can be written to, and others cannot look into it`);
  return warn(WHAT, `${dir} is open to every user of this machine, and holds the admin token: chmod o-rwx ${dir}`);
}

function judgeRoom(dir: string): Finding {
  const { bavail, bsize } = statfsSync(dir);
  const bytes = bavail * bsize;
  const shown = bytes < 1024 ** 3 ? `${Math.round(bytes / 1024 ** 2)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  if (bytes < NONE_FREE_BYTES)
    return fail(WHAT, `${dir} has ${shown} free: nothing can be stored. Make room, or set COMFLEET_DATA.`);
  if (bytes < LITTLE_FREE_BYTES) return warn(WHAT, `${dir} has only ${shown} free for results and the database.`);
  return ok(WHAT, `${shown} free`);
}
