// The import rules of .dependency-cruiser.cjs hold, and the tool really saw every module it should judge.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

interface Report {
  modules: { source: string }[];
  summary: { violations: { rule: { name: string; severity: string }; from: string; to: string; comment?: string }[] };
}

const LEAST_MODULES = 40;

function cruise(...options: string[]): Report {
  const args = ['packages', 'tools', 'e2e', '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...options];
  const output = execFileSync('node_modules/.bin/depcruise', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return JSON.parse(output) as Report;
}

// A folder's tests may use what lies to its right, so cycles between folders are looked for without them.
const FOLDERS = 'no-circular-folders';
const report = cruise();
const withoutTests = cruise('--exclude', '(\\.test\\.ts$|/testing/|/dist/|/fixtures/)');
const violations = [
  ...report.summary.violations.filter(({ rule }) => rule.name !== FOLDERS),
  ...withoutTests.summary.violations.filter(({ rule }) => rule.name === FOLDERS),
];
const problems = violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);

// dependency-cruiser passes when it cannot read a language: compare with what lies on the disk.
const seen = new Set(report.modules.map((module) => module.source));
const sources = readdirSync('packages', { recursive: true, encoding: 'utf8' })
  .filter((path) => /^[^/]+\/src\/.*\.ts$/.test(path) && !/(^|\/)(dist|fixtures|node_modules)\//.test(path))
  .map((path) => `packages/${path}`);
for (const path of sources) if (!seen.has(path)) problems.push(`not cruised: ${path}`);
if (sources.length < LEAST_MODULES)
  problems.push(`only ${sources.length} modules found, expected ${LEAST_MODULES} or more`);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
