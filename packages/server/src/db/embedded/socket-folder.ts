// Gives a folder name through which the server's socket can be dialled. The socket is always in the cluster's folder;
// a socket's path may have 107 bytes at most (103 on macOS), so a longer one goes through a short symbolic link.

import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { PORT } from './cluster.ts';

const OWN_LINK = 'db';
const MOST_BYTES = process.platform === 'linux' ? 107 : 103;

export function socketFolder(clusterDir: string): string {
  if (fits(clusterDir)) return clusterDir;
  const hash = createHash('sha256').update(clusterDir).digest('hex').slice(0, 16);
  const link = join(tmpdir(), `comfleet-${hash}`);
  try {
    symlinkSync(clusterDir, link);
    return link;
  } catch {
    // It is there from an earlier start, or it is somebody else's.
    if (lstatSync(link).uid === process.getuid?.() && readlinkSync(link) === clusterDir) return link;
  }
  const ownLink = join(mkdtempSync(join(tmpdir(), 'comfleet-')), OWN_LINK);
  symlinkSync(clusterDir, ownLink);
  return ownLink;
}

export function removeSocketLink(folder: string, clusterDir: string): void {
  if (folder === clusterDir) return;
  rmSync(folder, { force: true });
  if (basename(folder) === OWN_LINK) rmSync(dirname(folder), { recursive: true, force: true });
}

const fits = (dir: string): boolean => Buffer.byteLength(join(dir, `.s.PGSQL.${PORT}`)) <= MOST_BYTES;
