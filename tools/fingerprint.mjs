// Says whether dist/ was built from the sources as they are now. build.mjs writes the answer, start.mjs compares it.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));
export const dist = join(root, 'dist');
const stamp = join(dist, '.built-from');

/**
 * Path, size and time of each file that the bundle depends on: a few milliseconds, no file is read.
 * @param {string} base
 */
export function fingerprint(base = root) {
  const hash = createHash('sha1');
  /** @param {string} path */
  const add = (path) => {
    const { size, mtimeMs } = statSync(join(base, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  };
  for (const path of [
    'package.json',
    'package-lock.json',
    'tools/build.mjs',
    'examples/photo.jpg',
    'examples/workflow.json',
  ]) {
    add(path);
  }
  for (const name of readdirSync(join(base, 'packages')).sort()) {
    add(`packages/${name}/package.json`);
    const sources = readdirSync(join(base, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' });
    for (const path of sources
      .filter((source) => /\.(ts|sql|json)$/.test(source) && !source.endsWith('.test.ts'))
      .sort()) {
      add(`packages/${name}/src/${path}`);
    }
  }
  return hash.digest('hex');
}

export function builtFrom() {
  try {
    return readFileSync(stamp, 'utf8');
  } catch {
    return undefined; // never built
  }
}

export const stampPath = stamp;
