// `npm run bench`: builds, runs the rows of the goals' table against their peers, prints the table and keeps the JSON.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { realBackEnd, startEmulator } from './back-end.ts';
import { describeMachine } from './machine.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { hottestFunctions } from './profile.ts';
import { formatHead, formatRow, judge } from './report.ts';
import type { Row, RowResult, RunContext } from './row.ts';
import { ROWS } from './rows/index.ts';
import { createColours } from './statistics.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const resultsDir = join(root, 'bench-results');
const HOT_FUNCTIONS = 25;

async function main(): Promise<void> {
  const options = parseOptions();
  const chosen = ROWS.filter(({ number }) => options.rows?.includes(number) ?? true);
  const machine = describeMachine(root);
  const stamp = new Date().toISOString().replaceAll(':', '-').slice(0, 19);
  const tempDir = mkdtempSync(join(tmpdir(), 'cfb-'));
  const buildDir = join(resultsDir, `build-${process.pid}`);
  const finished: { row: Row; result: RowResult }[] = [];
  try {
    build(buildDir);
    console.log(formatHead(machine, options.seed));
    for (const row of chosen) {
      const context = createContext(options, { tempDir, buildDir, row, stamp });
      const result = withStandIn(row, await runRow(row, context), options);
      finished.push({ row, result });
      console.log(`\n${formatRow(row, result)}`);
      if (context.profileDir) console.log(hottestFunctions(context.profileDir, HOT_FUNCTIONS).join('\n'));
    }
  } finally {
    rmSync(tempDir, { recursive: true, force: true });
    rmSync(buildDir, { recursive: true, force: true });
  }
  const path = join(resultsDir, `${stamp}.json`);
  writeFileSync(path, `${JSON.stringify({ machine, options, rows: finished.map(toJson) }, undefined, 2)}\n`);
  console.log(`\nkept in ${path}`);
  if (finished.some(({ result }) => result.problems.length > 0)) process.exitCode = 1;
}

function parseOptions(): Options {
  try {
    return readOptions(process.argv.slice(2), process.env);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

// A copy of its own: another build meanwhile must not change what is measured. Inside the repository, for node_modules.
function build(buildDir: string): void {
  execFileSync(process.execPath, [join(root, 'tools/build.mjs')], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  mkdirSync(buildDir, { recursive: true });
  cpSync(join(root, 'dist'), buildDir, { recursive: true });
}

interface Places {
  readonly tempDir: string;
  readonly buildDir: string;
  readonly row: Row;
  readonly stamp: string;
}

function createContext(options: Options, { tempDir, buildDir, row, stamp }: Places): RunContext {
  const profileDir = options.isProfiled ? join(resultsDir, `${stamp}-row${row.number}-profile`) : undefined;
  if (profileDir) mkdirSync(profileDir, { recursive: true });
  const makeDir = (name: string) => {
    const dir = join(tempDir, name);
    mkdirSync(dir, { recursive: true });
    return dir;
  };
  return {
    rounds: options.rounds,
    isQuick: options.isQuick,
    seed: options.seed,
    buildDir,
    profileDir,
    nextColour: createColours(options.seed),
    makeDir,
    openReal: async () =>
      options.comfyuiUrl === undefined
        ? await startEmulator({ buildDir, dir: makeDir(`row${row.number}-back-end`) })
        : realBackEnd(options.comfyuiUrl),
    log: (message) => console.error(message),
  };
}

function withStandIn(row: Row, result: RowResult, { comfyuiUrl }: Options): RowResult {
  if (!row.wantsReal || comfyuiUrl !== undefined) return result;
  const note =
    'COMFYUI_URL is not set: the emulator stood in for ComfyUI in both arms, so the goal is not judged by this';
  return { ...result, notes: [...result.notes, note] };
}

async function runRow(row: Row, context: RunContext): Promise<RowResult> {
  console.error(`row ${row.number}: ${row.title}`);
  try {
    return await row.run(context);
  } catch (error) {
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { backEnd: '-', measures: [], problems: [problem], notes: [] };
  }
}

function toJson({ row, result }: { row: Row; result: RowResult }) {
  const figures = result.measures.map((measure) => ({
    ...measure,
    judged: judge(measure, result.problems.length > 0),
  }));
  return { number: row.number, title: row.title, peer: row.peer, ...result, measures: figures };
}

await main();
