// Storage in a folder of this machine: 256 pre-made sub-folders, one file per key, written in place and flushed once.
// A put that fails or is cut off leaves at most a file without a row, which the next put of the key overwrites.

import { hash } from 'node:crypto';
import { closeSync, constants, fdatasync, fstatSync, lstatSync, openSync, realpathSync, writeSync } from 'node:fs';
import { lstat, open, readdir, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { crashPoint } from '../../telemetry/crash-point.ts';
import { FileStream } from '../file-stream.ts';
import { makeFolder } from '../make-folder.ts';
import { SNIFF_BYTES } from '../media-type.ts';
import {
  type ByteRange,
  type Listed,
  type Opened,
  type PutOptions,
  requireKey,
  SMALL_BYTES,
  type Storage,
  StorageError,
  type Stored,
} from '../storage.ts';
import { pour, tooLarge } from './pour.ts';

const FOLDERS = 256;
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK; // a FIFO must not hang the process
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function toStorageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const isFull = FULL.has(codeOf(error));
  return new StorageError(isFull ? '[disk] no room left' : '[disk] cannot be used', {
    kind: isFull ? 'full' : 'unavailable',
    cause: error,
  });
}

async function orStorageError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toStorageError(error);
  }
}

// Spread by the whole key: ids that begin with a time would all land in one folder by their first letters.
function folderOf(key: string): string {
  let sum = 0;
  for (let i = 0; i < key.length; i++) sum = (sum * 31 + key.charCodeAt(i)) % 65_521;
  return (sum % FOLDERS).toString(16).padStart(2, '0');
}

function flush(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fdatasync(fd, (error) => (error ? reject(error) : resolve())));
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

// Synchronous but for the flush, which is the only slow part. Of a new file it brings the name to the disk as well: ext4, XFS
// and btrfs have the entry of its folder in the journal that the flush writes out.
async function putSmall(path: string, bytes: Buffer): Promise<Stored> {
  const fd = openSync(path, WRITE, 0o600);
  try {
    writeAll(fd, bytes);
    crashPoint('mid-store');
    await flush(fd);
  } finally {
    closeSync(fd);
  }
  return { sizeBytes: bytes.length, sha256: hash('sha256', bytes, 'hex'), head: bytes.subarray(0, SNIFF_BYTES) };
}

async function putLarge(path: string, source: Readable | Buffer, options: PutOptions): Promise<Stored> {
  const file = await open(path, WRITE, 0o600);
  try {
    return await pour(file, source, options);
  } finally {
    await file.close();
  }
}

// The bytes are on the disk already; this puts the new name there too, for rows that speak of it.
async function moveDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  const folder = await open(dirname(to), constants.O_RDONLY).catch(() => undefined); // not possible on Windows
  try {
    await folder?.sync();
  } finally {
    await folder?.close();
  }
}

function prepare(dir: string): string {
  makeFolder(dir);
  const root = realpathSync(dir);
  for (let i = 0; i < FOLDERS; i++) {
    const folder = join(root, i.toString(16).padStart(2, '0'));
    makeFolder(folder);
    if (!lstatSync(folder).isDirectory()) throw new Error(`${folder} is not a plain folder`);
  }
  return root;
}

function openDisk(path: string, range: ByteRange | undefined): Opened | undefined {
  let fd: number;
  try {
    fd = openSync(path, READ);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ELOOP') return undefined; // ELOOP: a symlink, never ours
    throw toStorageError(error);
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    return undefined;
  }
  const [start, end] = range === undefined ? [0, stat.size] : [range.start, range.end + 1];
  return { stream: new FileStream({ fd, start, end: Math.min(end, stat.size) }), sizeBytes: stat.size };
}

/** Only what is certainly missing counts as missing: a disk that does not answer must not look like one without the file. */
async function isThere(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

async function* listDisk(root: string, prefix: string): AsyncGenerator<Listed> {
  for (let i = 0; i < FOLDERS; i++) {
    const folder = join(root, i.toString(16).padStart(2, '0'));
    for (const key of await readdir(folder)) {
      if (!key.startsWith(prefix)) continue;
      const stat = await lstat(join(folder, key)).catch(() => undefined); // gone since the listing
      if (stat?.isFile()) yield { key, sizeBytes: stat.size, modifiedAtMs: stat.mtimeMs };
    }
  }
}

export function createDiskStore({ dir }: { dir: string }): Storage {
  const root = prepare(dir);
  const pathOf = (key: string) => join(root, folderOf(requireKey(key)), key);
  const quietRemove = (path: string) => rm(path, { force: true }).catch(() => {}); // the put's own error is the news

  async function put(key: string, source: Readable | Buffer, options: PutOptions): Promise<Stored> {
    const path = pathOf(key);
    try {
      if (options.signal?.aborted) throw new StorageError('the put was given up', { kind: 'aborted' });
      if (!Buffer.isBuffer(source)) return await putLarge(path, source, options);
      if (source.length > options.maxBytes) throw tooLarge(options);
      return source.length <= SMALL_BYTES ? await putSmall(path, source) : await putLarge(path, source, options);
    } catch (error) {
      if (!Buffer.isBuffer(source)) source.destroy();
      await quietRemove(path);
      throw toStorageError(error);
    }
  }

  const remove = async (key: string) => orStorageError(rm(pathOf(key), { force: true }));
  return {
    isAtomic: false,
    put,
    open: async (key, range) => openDisk(pathOf(key), range),
    move: async (from, to) => orStorageError(moveDurably(pathOf(from), pathOf(to))),
    remove,
    async removeAll(keys) {
      for (const key of keys) await remove(key); // one by one: deletes crowd out the writes of others
    },
    removeUnfinished: async () => 0, // nothing but the file itself, which the sweeps find
    has: (key) => orStorageError(isThere(pathOf(key))),
    list: (prefix) => listDisk(root, prefix),
    async touch(key) {
      const now = new Date();
      await utimes(pathOf(key), now, now).catch(() => undefined); // gone meanwhile: whoever opens it is told
    },
    close: () => undefined,
  };
}
