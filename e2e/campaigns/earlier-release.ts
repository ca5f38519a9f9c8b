// The service as it was before the last migration, built from the history of this checkout: what a rolling upgrade begins
// with. Used by upgrade-campaign.ts.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');
const MIGRATIONS = 'packages/server/src/db/migrations';

export interface EarlierRelease {
  /** The command line of its service. */
  readonly main: string;
  /** The last migration that it knows. */
  readonly knows: string;
  remove(): void;
}

/** Undefined where the history is not at hand. */
export function buildEarlierRelease(): EarlierRelease | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-earlier-'));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  try {
    const last = readdirSync(join(root, MIGRATIONS)).sort().at(-1);
    const added = git('log', '-1', '--diff-filter=A', '--format=%H', '--', `${MIGRATIONS}/${last}`).toString().trim();
    execFileSync('tar', ['x', '-C', dir], { input: git('archive', `${added}^`) });
    linkPackages(dir);
    execFileSync(process.execPath, [join(dir, 'tools', 'start.mjs'), 'version'], { cwd: dir, stdio: 'pipe' });
    const knows = readdirSync(join(dir, MIGRATIONS)).sort().at(-1) ?? '';
    return { main: join(dir, 'dist', 'comfleet.js'), knows, remove };
  } catch {
    remove();
    return undefined;
  }
}

function git(...args: string[]): Buffer {
  return execFileSync('git', args, { cwd: root, maxBuffer: 1024 ** 3, stdio: 'pipe' });
}

/** What is installed here, except that its own packages are its own. */
function linkPackages(dir: string): void {
  const installed = join(root, 'node_modules');
  const own = join(dir, 'node_modules', '@comfleet');
  mkdirSync(own, { recursive: true });
  for (const name of readdirSync(installed)) {
    if (name !== '@comfleet' && name !== '.cache') symlinkSync(join(installed, name), join(dir, 'node_modules', name));
  }
  for (const name of readdirSync(join(dir, 'packages'))) symlinkSync(join(dir, 'packages', name), join(own, name));
}
