// `npm test` and `npm run check`: every check, the build, then the tests. The last line is `N passed, N failed`,
// where a test case counts as one and each check counts as one.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = (name: string) => join('node_modules', '.bin', name);
const node = process.execPath;

interface Step {
  title: string;
  command: string[];
}

const ownChecks: Step[] = readdirSync('tools')
  .filter((name) => /^check-.*\.ts$/.test(name) && !name.endsWith('.test.ts'))
  .sort()
  .map((name) => ({ title: `tools/${name}`, command: [node, '--import', 'tsx', `tools/${name}`] }));

const build: Step = { title: 'build', command: [node, 'tools/build.mjs'] };

const programs: Step[] = [
  {
    title: 'lint and format (biome)',
    command: [
      bin('biome'),
      'ci',
      '--colors=off',
      '--diagnostic-level=warn',
      '--error-on-warnings',
      '--max-diagnostics=200',
    ],
  },
  { title: 'types (tsc)', command: [bin('tsc'), '-p', 'tsconfig.json'] },
  { title: 'pure files are pure (tsc -p tsconfig.pure.json)', command: [bin('tsc'), '-p', 'tsconfig.pure.json'] },
  { title: 'dead code (knip)', command: [bin('knip'), '--no-config-hints'] },
];

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  testResults: { status: string; name: string; message: string; assertionResults: unknown[] }[];
}

interface Count {
  passed: number;
  failed: number;
}

function run([file, ...args]: string[], onOutput: (text: string) => void): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(file ?? node, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (bytes: Buffer) => onOutput(bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => onOutput(bytes.toString()));
    child.on('error', (error) => onOutput(`${error.message}\n`));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function runStep({ title, command }: Step): Promise<Count> {
  const startedAt = performance.now();
  let output = '';
  const code = await run(command, (text) => {
    output += text;
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'}  ${title}  (${seconds} s)`);
  if (code !== 0) console.log(`${output.trimEnd().replace(/^/gm, '      ')}\n`);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function runTests(filters: string[]): Promise<Count> {
  const scratch = mkdtempSync(join(tmpdir(), 'comfleet-test-'));
  const reportPath = join(scratch, 'report.json');
  try {
    const command = [bin('vitest'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
    const code = await run([...command, ...filters], (text) => process.stdout.write(text));
    return countTests(readFileSync(reportPath, 'utf8'), code);
  } catch (error) {
    console.log(`FAIL  vitest left no report: ${error}`);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function countTests(reportText: string, code: number): Count {
  const report = JSON.parse(reportText) as VitestReport;
  // A file that does not even load has no test case to fail: it counts as one failure itself.
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const failed = report.numFailedTests + broken.length;
  // Vitest also fails for an error outside any test (an unhandled rejection): that is one failure.
  return { passed: report.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
}

async function main(args: string[]): Promise<Count> {
  const total: Count = { passed: 0, failed: 0 };
  const add = ({ passed, failed }: Count) => {
    total.passed += passed;
    total.failed += failed;
  };
  const isChecksOnly = args.includes('--checks');
  console.log(isChecksOnly ? '— checks —' : '— checks and build —');
  // Side by side, but one of our own at a time: one of them writes what is generated anew, and others read it.
  const others = isChecksOnly ? programs : [...programs, build];
  const inTurn = async (steps: Step[]) => {
    for (const step of steps) add(await runStep(step));
  };
  await Promise.all([inTurn(others), inTurn(ownChecks)]);
  if (isChecksOnly) return total;
  console.log('\n— tests —');
  add(await runTests(args));
  return total;
}

const total = await main(process.argv.slice(2));
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
