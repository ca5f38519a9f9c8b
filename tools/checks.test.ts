import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const made: string[] = [];

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A small project in a folder of its own, with our tools and configuration and the given files. */
function project(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'comfleet-checks-'));
  made.push(folder);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'tools'));
  for (const name of readdirSync(join(root, 'tools')).filter((file) => file.endsWith('.grit'))) {
    copyFileSync(join(root, 'tools', name), join(folder, 'tools', name));
  }
  for (const name of ['biome.json', '.dependency-cruiser.cjs', 'tsconfig.pure.json']) {
    copyFileSync(join(root, name), join(folder, name));
  }
  mkdirSync(join(folder, 'e2e'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function run(folder: string, file: string, ...args: string[]): { code: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(file, args, { cwd: folder, encoding: 'utf8' });
  return { code: status, text: stdout + stderr };
}

function runTool(folder: string, name: string) {
  return run(folder, process.execPath, '--import', import.meta.resolve('tsx'), join(root, 'tools', name));
}

describe('the boundary check', () => {
  const server = 'packages/server/src';
  // One project holds a breach of every rule: cruising it takes a second.
  const files = {
    'packages/none/package.json': '{}',
    [`${server}/requests/ring-a.ts`]: "import './ring-b.ts';",
    [`${server}/requests/ring-b.ts`]: "import './ring-a.ts';",
    [`${server}/requests/half-ring-a.ts`]: "import './half-ring-b.ts';",
    [`${server}/requests/half-ring-b.ts`]: "import type { A } from './half-ring-a.ts';\nexport type B = A;",
    [`${server}/accounts/there.ts`]: "import '../files/leaf.ts';",
    [`${server}/files/leaf.ts`]: '',
    [`${server}/files/back.ts`]: "import '../accounts/leaf.ts';",
    [`${server}/accounts/leaf.ts`]: '',
    [`${server}/requests/reads.pure.ts`]: "import 'node:fs';",
    [`${server}/requests/calls.pure.ts`]:
      "import { type Row, read } from './rows.sql.ts';\nexport const x = read as Row;",
    [`${server}/requests/speaks.pure.ts`]: "import type { Row } from './rows.sql.ts';\nexport type X = Row;",
    [`${server}/requests/rows.sql.ts`]: 'export type Row = 1;\nexport const read = 1;',
    [`${server}/requests/right.ts`]: "import '../dispatch/leaf.ts';",
    [`${server}/dispatch/leaf.ts`]: '',
    [`${server}/requests/query.ts`]: "import '../db/sql.ts';",
    [`${server}/db/sql.ts`]: '',
    [`${server}/files/wide.sql.ts`]: "import './leaf.ts';",
    [`${server}/requests/http.ts`]: "import 'fastify';",
    [`${server}/requests/opens.ts`]: "import './routes.ts';",
    [`${server}/requests/routes.ts`]: '',
    [`${server}/scaling/turns.ts`]: "import '../dispatch/loop.ts';",
    [`${server}/dispatch/loop.ts`]: '',
    [`${server}/http/knows.ts`]: "import '../files/leaf.ts';",
    [`${server}/tests.ts`]: "import '../testing/leaf.ts';",
    'packages/server/testing/leaf.ts': '',
    [`${server}/deep.ts`]: "import '../../comfyui/src/leaf.ts';",
    'packages/comfyui/src/leaf.ts': '',
    'packages/comfyui/src/index.ts': '',
    'packages/api/src/needs.ts': "import '../../comfyui/src/index.ts';",
    'e2e/inside.ts': "import '../packages/comfyui/src/index.ts';",
    [`${server}/lost.ts`]: "import './missing.ts';",
  };
  let report = { code: null as number | null, text: '' };
  beforeAll(() => {
    report = runTool(project(files), 'check-boundaries.ts');
  });

  it.each([
    `no-circular: ${server}/requests/ring-`,
    `no-circular-folders: ${server}/accounts → ${server}/files`,
    `pure-imports-only-pure: ${server}/requests/reads.pure.ts`,
    `pure-imports-only-pure: ${server}/requests/calls.pure.ts → ${server}/requests/rows.sql.ts`,
    `requests-imports-leftwards: ${server}/requests/right.ts`,
    `sql-only-in-sql-files: ${server}/requests/query.ts`,
    `sql-files-import-only-db: ${server}/files/wide.sql.ts`,
    `fastify-only-at-the-edge: ${server}/requests/http.ts`,
    `routes-only-from-app: ${server}/requests/opens.ts`,
    `loops-only-from-app-or-their-folder: ${server}/scaling/turns.ts`,
    `platform-knows-no-domain: ${server}/http/knows.ts`,
    `no-testing-in-product: ${server}/tests.ts`,
    `packages-only-by-their-door: ${server}/deep.ts`,
    'api-depends-on-nothing: packages/api/src/needs.ts',
    'e2e-talks-http: e2e/inside.ts',
    `nothing-unresolved: ${server}/lost.ts`,
    // dependency-cruiser passes when it can read nothing.
    'modules found, expected 40 or more',
  ])('reports %s', (line) => {
    expect(report.text).toContain(line);
    expect(report.code).toBe(1);
  });

  it('lets a pure file speak of a type that stands in another kind of file', () => {
    expect(report.text).not.toContain('speaks.pure.ts');
    expect(report.text).not.toContain('half-ring');
  });
});

describe('the table check', () => {
  const migration = {
    'packages/server/src/db/migrations/0001_a.sql': '-- owner: requests\ncreate table requests (id int);',
  };
  const check = (files: Record<string, string>) => runTool(project(files), 'check-table-owners.ts');

  it('lets the owner write, and others read what they declare', () => {
    const files = {
      'packages/server/src/requests/a.sql.ts': '// Writes.\nsql`insert into requests values (1)`;',
      'packages/server/src/files/a.sql.ts': '// reads: requests\nsql`select * from requests`;',
    };
    expect(check({ ...migration, ...files })).toEqual({ code: 0, text: '' });
  });

  it('reports a write to a table of another folder', () => {
    const files = { 'packages/server/src/files/a.sql.ts': 'sql`delete from requests`;' };
    expect(check({ ...migration, ...files }).text).toContain('writes requests, which belongs to requests/');
  });

  it('reports an undeclared read', () => {
    const files = { 'packages/server/src/files/a.sql.ts': 'sql`select 1 from requests`;' };
    expect(check({ ...migration, ...files }).text).toContain('without "// reads: requests"');
  });

  it('reports a table without an owner, and the absence of tables', () => {
    const text = check({ 'packages/server/src/db/migrations/0001_a.sql': 'create table lonely (id int);' }).text;
    expect(text).toContain('create table lonely without');
    expect(text).toContain('no owned tables found');
  });
});

describe('the linter', () => {
  const lint = (path: string, source: string) =>
    run(project({ [path]: source }), 'node_modules/.bin/biome', 'lint', '--vcs-enabled=false', '--colors=off').text;

  it.each(['Date.now()', 'Math.random()', 'new Date()', 'performance.now()'])('refuses %s in a pure file', (call) => {
    expect(lint('packages/server/src/a.pure.ts', `export const x = ${call};\n`)).toContain('takes `now` and `random`');
    expect(lint('packages/server/src/a.ts', `export const x = ${call};\n`)).not.toContain('takes `now` and `random`');
  });

  it('refuses module mocks', () => {
    const source = "import { vi } from 'vitest';\nvi.mock('./a.ts');\n";
    expect(lint('packages/server/src/a.test.ts', source)).toContain('No mocking of modules');
  });

  it.each([
    ['noProcessEnv', 'export const x = process.env;'],
    ['noConsole', 'console.log(1);'],
    ['noExplicitAny', 'export const x: any = 1;'],
    ['noNonNullAssertion', 'export const x = (a?: string) => a!.length;'],
    ['noDefaultExport', 'export default 1;'],
    ['useMaxParams', 'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1) => [a, b, c, d, e];'],
    ['noFloatingPromises', 'async function f() {}\nf();'],
    ['noExcessiveLinesPerFile', 'f();\n'.repeat(302)],
    ['noExcessiveLinesPerFunction', `export function f() {\n${'  f();\n'.repeat(51)}}\n`],
  ])('applies %s', (rule, source) => {
    expect(lint('packages/server/src/a.ts', `${source}\n`)).toContain(rule);
  });

  it('refuses a skipped test, and a file name that is not kebab-case', () => {
    expect(lint('packages/server/src/aB.test.ts', "import { it } from 'vitest';\nit.skip('x', () => {});\n")).toMatch(
      /noSkippedTests[\s\S]*useFilenamingConvention|useFilenamingConvention[\s\S]*noSkippedTests/,
    );
  });
});

it('a pure file that uses a timer, the console, fetch or the process does not compile', () => {
  const folder = project({ 'packages/server/src/a.pure.ts': 'setTimeout(fetch, 1);\nconsole.log(process.pid);\n' });
  const { code, text } = run(folder, 'node_modules/.bin/tsc', '-p', 'tsconfig.pure.json');
  for (const name of ['setTimeout', 'fetch', 'console', 'process']) expect(text).toContain(`'${name}'`);
  expect(code).not.toBe(0);
});

it('a broken link in a page is reported', () => {
  const folder = project({ 'README.md': '[a](docs/a.md) [b](docs/b.md#x)', 'docs/a.md': '' });
  run(folder, 'git', 'init', '--quiet');
  expect(runTool(folder, 'check-links.ts')).toEqual({ code: 1, text: 'README.md: broken link docs/b.md#x\n' });
});

it('a drawer name, a wrong case and a file without its opening comment are reported', () => {
  const folder = project({
    'packages/server/src/utils.ts': '// Things.\n',
    'packages/server/src/camelCase.sql': '',
    'packages/server/src/bare.ts': 'export {};\n',
    'packages/server/src/stale.ts': '// Called by bare.ts and gone-since.ts, and by *.sql.ts.\nexport {};\n',
  });
  run(folder, 'git', 'init', '--quiet');
  const { text } = runTool(folder, 'check-names.ts');
  expect(text).toContain('utils.ts: "utils.ts" names a drawer');
  expect(text).toContain('camelCase.sql: not kebab-case');
  expect(text).toContain('bare.ts: does not open with a comment');
  expect(text.match(/stale.ts: .*/g)).toEqual(['stale.ts: its first comment names gone-since.ts, which is not there']);
});

it('a floating version, an install script and a download address are reported', () => {
  const folder = project({
    'package.json': '{"name": "x", "scripts": {"postinstall": "true"}}',
    'packages/a/package.json':
      '{"name": "a", "exports": {".": "./x", "./deep": "./y"}, "dependencies": {"b": "^1.0.0"}}',
    'package-lock.json': '"resolved": "https://example.org/b.tgz"',
  });
  const { text } = runTool(folder, 'check-packages.ts');
  expect(text).toContain('b@^1.0.0 is not an exact version');
  expect(text).toContain('has a postinstall script');
  expect(text).toContain('an extra door ./deep');
  expect(text).toContain('package-lock.json names 1 download addresses');
});
