// Reads the output folder of a back end that runs on this machine, without trusting what it put there: only regular
// files, reached through no symlink, whole and still. Called when outputs are collected; small files are read at once
// because four thread-pool hops cost more than the read.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { join, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { FileStream } from './file-stream.ts';
import { SMALL_BYTES } from './storage.ts';

export interface LocalFile {
  subfolder: string;
  filename: string;
}

export type LocalRead =
  | { kind: 'bytes'; bytes: Buffer }
  | { kind: 'stream'; stream: Readable; sizeBytes: number } // fails when the file changes while it is read
  | { kind: 'missing' }
  | { kind: 'refused'; reason: 'outside' | 'not_a_file' | 'too_large' | 'growing' | 'unreadable' };

export interface LocalOutput {
  list(folder: string): LocalFile[]; // every regular file below, symlinks left out; sorted
  read(file: LocalFile, maxBytes: number): LocalRead;
  /** Whether a regular file is there; says nothing about whether it may be read. */
  has(file: LocalFile): boolean;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK; // a FIFO must not hang the process
const MAX_LISTED = 10_000;
const MAX_DEPTH = 16;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

// Below the root, which is a real path, and no component a symlink. Only those below it are looked at: the real path of
// the whole costs a system call for each of its folders, several times an output.
function isPlainPath(root: string, path: string): boolean {
  if (!path.startsWith(root + sep)) return false;
  for (let end = root.length; end >= 0; ) {
    end = path.indexOf(sep, end + 1);
    if (lstatSync(end < 0 ? path : path.slice(0, end)).isSymbolicLink()) return false;
  }
  return true;
}

// A folder that is swapped for a symlink and back passes every look at the path. Linux tells what was really opened.
// Exported for its test.
export function isOpenedAt(fd: number, path: string): boolean {
  const known = openedPath(fd);
  if (known !== undefined) return known === path;
  if (realpathSync.native(path) !== path) return false;
  const [opened, named] = [fstatSync(fd), lstatSync(path)];
  return opened.ino === named.ino && opened.dev === named.dev;
}

function openedPath(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined; // no such file system here
  }
}

function requireSame(fd: number, stat: Stats): void {
  if (!isSame(stat, fstatSync(fd))) throw new Error('the file changed while it was read');
}

function isSame(a: Stats, b: Stats): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ino === b.ino;
}

// Exported for its test: between the caller's look at the size and this read another process may write.
export function readSmall(fd: number, stat: Stats): LocalRead {
  const bytes = Buffer.allocUnsafe(stat.size + 1); // one more, to notice growth
  let done = 0;
  for (;;) {
    const wanted = bytes.length - done;
    const count = readSync(fd, bytes, done, wanted, done);
    done += count;
    // Less than was asked for: that was the end of the file.
    if (count < wanted || done === bytes.length) break;
  }
  if (done !== stat.size || !isSame(stat, fstatSync(fd))) return { kind: 'refused', reason: 'growing' };
  return { kind: 'bytes', bytes: bytes.subarray(0, done) };
}

function openStill(root: string, path: string): number | LocalRead {
  let fd: number | undefined;
  try {
    if (!isPlainPath(root, path)) return { kind: 'refused', reason: 'outside' };
    fd = openSync(path, READ);
    // Again: a folder could have been swapped for a symlink in between.
    if (isOpenedAt(fd, path)) return fd;
    closeSync(fd);
    return { kind: 'refused', reason: 'outside' };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return { kind: 'missing' };
    if (codeOf(error) === 'ELOOP') return { kind: 'refused', reason: 'outside' };
    return { kind: 'refused', reason: codeOf(error) === 'ENXIO' ? 'not_a_file' : 'unreadable' };
  }
}

function readLocal(root: string, path: string, maxBytes: number): LocalRead {
  const fd = openStill(root, path);
  if (typeof fd !== 'number') return fd;
  let isKept = false;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return { kind: 'refused', reason: 'not_a_file' };
    if (stat.size > maxBytes) return { kind: 'refused', reason: 'too_large' };
    if (stat.size <= SMALL_BYTES) return readSmall(fd, stat);
    isKept = true;
    const stream = new FileStream({ fd, start: 0, end: stat.size, check: () => requireSame(fd, stat) });
    return { kind: 'stream', stream, sizeBytes: stat.size };
  } finally {
    if (!isKept) closeSync(fd);
  }
}

function listInto(found: LocalFile[], root: string, { subfolder, depth }: { subfolder: string; depth: number }): void {
  for (const entry of readdirSync(join(root, subfolder), { withFileTypes: true })) {
    if (found.length >= MAX_LISTED) return;
    if (entry.isFile()) found.push({ subfolder, filename: entry.name });
    else if (entry.isDirectory() && depth < MAX_DEPTH) {
      listInto(found, root, {
        subfolder: subfolder === '' ? entry.name : `${subfolder}/${entry.name}`,
        depth: depth + 1,
      });
    }
  }
}

function listLocal(root: string, folder: string): LocalFile[] {
  const found: LocalFile[] = [];
  try {
    if (isPlainPath(root, join(root, folder))) listInto(found, root, { subfolder: folder, depth: 0 });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error; // a run that wrote nothing
  }
  const key = (file: LocalFile) => `${file.subfolder}/${file.filename}`;
  return found.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

// Names must have passed judgeOutputName; the folder itself may be a symlink, what is below may not.
export function createLocalOutput({ dir }: { dir: string }): LocalOutput {
  const root = realpathSync.native(dir);
  return {
    list: (folder) => listLocal(root, folder),
    has: (file) => statSync(join(root, file.subfolder, file.filename), { throwIfNoEntry: false })?.isFile() ?? false,
    read: (file, maxBytes) => readLocal(root, join(root, file.subfolder, file.filename), maxBytes),
  };
}
