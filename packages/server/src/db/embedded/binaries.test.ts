import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { locatePackage, prepareBinaries } from './binaries.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'comfleet-binaries-'));
  chmodSync(root, 0o755);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A project with its own copy of the package, as `npm install` leaves it; gives the require of a file in it. */
function installPackage(project: string): { require: NodeJS.Require; nativeDir: string } {
  const original = dirname(locatePackage().nativeDir);
  const name = original.split('/').slice(-2).join('/');
  const installed = join(root, project, 'node_modules', name);
  mkdirSync(dirname(installed), { recursive: true });
  cpSync(original, installed, { recursive: true, verbatimSymlinks: true });
  return { require: createRequire(join(root, project, 'dist', 'service.mjs')), nativeDir: join(installed, 'native') };
}

/** npm with --ignore-scripts leaves the package without its links. */
function removeLinks(nativeDir: string): string[] {
  const links = JSON.parse(readFileSync(join(nativeDir, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  const paths = links.map(({ target }) => join(dirname(nativeDir), target));
  for (const path of paths) rmSync(path, { force: true });
  return paths;
}

test('links that the install script did not make are made, also by two processes at once', async () => {
  const { require, nativeDir } = installPackage('no-scripts');
  const links = removeLinks(nativeDir);
  const found = await Promise.all([1, 2].map(() => prepareBinaries({ user: undefined, copyDirs: [], require })));
  expect(found[0]?.postgres).toBe(join(nativeDir, 'bin', 'postgres'));
  expect(links.filter((path) => !existsSync(path))).toEqual([]);
});

test('a path that a shell would read is not used: the programs are copied', async () => {
  const { require } = installPackage('my "$HOME" project');
  const { initdb } = await prepareBinaries({ user: undefined, copyDirs: [join(root, 'copies')], require });
  expect(initdb.startsWith(join(root, 'copies', 'comfleet-postgres-18'))).toBe(true);
});

test.runIf(isRoot)('programs in a private folder are copied once to where the unprivileged user gets to', async () => {
  const { require } = installPackage('private');
  chmodSync(join(root, 'private'), 0o700);
  const options = { user: NOBODY, copyDirs: [join(root, 'private', 'data'), join(root, 'shared')], require };
  const first = await prepareBinaries(options);
  expect(first.postgres.startsWith(join(root, 'shared'))).toBe(true);
  expect(await prepareBinaries(options)).toEqual(first);
  // In /tmp another user may have been there first.
  chmodSync(dirname(dirname(dirname(first.postgres))), 0o777);
  await expect(prepareBinaries(options)).rejects.toThrow('is not only ours to write');
});

test('a system whose C library is another one is told to bring its own PostgreSQL', async () => {
  const { require, nativeDir } = installPackage('musl');
  // The kernel answers ENOENT for a program whose loader is not there, whether the loader is a C library's or a script's.
  writeFileSync(join(nativeDir, 'bin', 'postgres'), '#!/lib/ld-of-another-libc.so\n', { mode: 0o755 });
  const message = await prepareBinaries({ user: undefined, copyDirs: [], require }).catch((error) => error.message);
  expect(message).toContain('musl');
  expect(message).toContain('DATABASE_URL=postgres://');
});

test('a platform without a package is told to bring its own PostgreSQL', () => {
  mkdirSync(join(root, 'nothing'));
  expect(() => locatePackage(createRequire(join(root, 'nothing', 'x.js')))).toThrow('DATABASE_URL=postgres://');
});
