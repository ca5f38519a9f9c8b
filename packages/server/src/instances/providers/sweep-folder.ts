// Removes what a back end of ours wrote long ago: everything of it is stored by then. Late and in bulk, because deleting
// files while others are written costs the file system dearly. Started by embedded.ts
// and process.ts.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface SweptFolder {
  readonly dir: string;
  readonly keepMs: number;
  /** Entries that stay, however old they are. */
  readonly isKept?: (name: string) => boolean;
}

/** How many entries went. A folder that is not there yet has none. */
export async function sweepFolder({ dir, keepMs, isKept }: SweptFolder, now: number): Promise<number> {
  const names = await readdir(dir).catch(() => []);
  let removed = 0;
  for (const name of names) {
    if (isKept?.(name)) continue;
    const path = join(dir, name);
    // Gone meanwhile: somebody else's doing, and what was wanted.
    const entry = await stat(path).catch(() => undefined);
    if (entry === undefined || now - entry.mtimeMs < keepMs) continue;
    await rm(path, { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}
