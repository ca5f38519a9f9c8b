// Makes a folder with those above it, or says in words why not. Called by the disk store and by the checks before a start.
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** In place of Node's own `recursive`, which never returns where a file system makes no folders: /proc, /sys. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && kindOf(path) === 'folder') return;
    if (code === 'EEXIST' || code === 'ENOTDIR')
      throw new Error(`${findFile(path)} is a file, not a folder`, { cause: error });
    if (code !== 'ENOENT' || kindOf(dirname(path)) === 'folder') {
      throw new Error(`no folder can be made in ${dirname(path)} (${message})`, { cause: error });
    }
    makeFolder(dirname(path));
    makeFolder(path);
  }
}

function findFile(path: string): string {
  const above = dirname(path);
  return above === path || kindOf(above) === 'folder' ? path : findFile(above);
}

function kindOf(path: string): 'folder' | 'file' | undefined {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch {
    return undefined;
  }
}
