// The import rules of .dependency-cruiser.cjs hold, and the tool really saw every module it should judge.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Violation {
  rule: { name: string };
  from: string;
  to: string;
  cycle?: { name: string }[];
}

interface Report {
  modules: { source: string }[];
  summary: { violations: Violation[] };
}

const LEAST_MODULES = 40;

function cruise(...options: string[]): Report {
  const args = ['packages', 'tools', 'e2e', '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...options];
  const output = execFileSync('node_modules/.bin/depcruise', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return JSON.parse(output) as Report;
}

// A type is gone when the program runs: a decision may speak of a row by the type that stands beside its statement, and
// a circle that closes through a type is none.
const ABOUT_RUNNING_CODE = new Set([
  'pure-imports-only-pure',
  'routes-only-from-app',
  'loops-only-from-app-or-their-folder',
]);
const RUNTIME_IMPORT = /^(?:import|export) (?!type\b)[^;]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;

function importsOnlyTypes(from: string, to: string): boolean {
  const specifiers = [...readFileSync(from, 'utf8').matchAll(RUNTIME_IMPORT)].map(([, a, b, c]) => a ?? b ?? c ?? '');
  return to.startsWith('packages/') && !specifiers.some((name) => join(dirname(from), name) === to);
}

function holdsAtRunTime({ rule, from, to, cycle = [] }: Violation): boolean {
  const steps = [from, ...cycle.map(({ name }) => name)];
  if (rule.name === 'no-circular')
    return steps.slice(1).every((name, index) => !importsOnlyTypes(steps[index] ?? '', name));
  return !ABOUT_RUNNING_CODE.has(rule.name) || !importsOnlyTypes(from, to);
}

const sources = readdirSync('packages', { recursive: true, encoding: 'utf8' })
  .filter((path) => /^[^/]+\/src\/.*\.ts$/.test(path) && !/(^|\/)(dist|fixtures|node_modules)\//.test(path))
  .map((path) => `packages/${path}`);

// A folder's tests may use what lies to its right, so cycles between folders are looked for without them.
const FOLDERS = 'no-circular-folders';
const report = cruise();
const withoutTests = cruise('--exclude', '(\\.test\\.ts$|/testing/|/dist/|/fixtures/)');
const violations = [
  ...report.summary.violations.filter(({ rule }) => rule.name !== FOLDERS),
  ...withoutTests.summary.violations.filter(({ rule }) => rule.name === FOLDERS),
].filter(holdsAtRunTime);
const problems = violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);

// dependency-cruiser passes when it cannot read a language: compare with what lies on the disk.
const seen = new Set(report.modules.map((module) => module.source));
for (const path of sources) if (!seen.has(path)) problems.push(`not cruised: ${path}`);
if (sources.length < LEAST_MODULES)
  problems.push(`only ${sources.length} modules found, expected ${LEAST_MODULES} or more`);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
