// `npm run bench`: builds, runs the rows of the goals' table against their peers, prints the table and keeps the JSON.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { realBackEnd, startEmulator, startReal } from './back-end.ts';
import { describeMachine, type Machine } from './machine.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { expectedSeconds, limitRounds, paceOf, planRounds, USUAL_ROUNDS } from './plan.pure.ts';
import { stopAll } from './processes.ts';
import { hottestFunctions } from './profile.ts';
import { formatHead, formatRow, judge } from './report.ts';
import type { Row, RowResult, RunContext } from './row.ts';
import { ROWS } from './rows/index.ts';
import { createColours } from './statistics.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const resultsDir = join(root, 'bench-results');
const HOT_FUNCTIONS = 25;
/** Of a full row's time, roughly. */
const QUICK_SHARE = 0.25;
/** A row that hangs must not cost the others their time. */
const LIMIT_OVER_EXPECTED = 4;
const LEAST_LIMIT_S = 240;

interface Planned {
  readonly rounds: number;
  readonly seconds: number;
}

interface Run {
  readonly options: Options;
  readonly machine: Machine;
  readonly tempDir: string;
  readonly buildDir: string;
  /** Where the results are kept, without the ending. */
  readonly path: string;
  readonly startedAt: number;
  readonly finished: { row: Row; result: RowResult; rounds: number; expected: number; took: number }[];
}

async function main(): Promise<void> {
  const options = parseOptions();
  const chosen = ROWS.filter(({ number }) => options.rows?.includes(number) ?? true);
  const stamp = new Date().toISOString().replaceAll(':', '-').slice(0, 19);
  const run: Run = {
    options,
    machine: describeMachine(root),
    tempDir: mkdtempSync(join(tmpdir(), 'cfb-')),
    buildDir: join(resultsDir, `build-${process.pid}`),
    path: join(resultsDir, stamp),
    startedAt: performance.now(),
    finished: [],
  };
  endOnSignals(run);
  try {
    build(run.buildDir);
    console.log(formatHead(run.machine, options.seed));
    for (const [index, row] of chosen.entries()) {
      const rounds = chooseRounds(run, chosen.slice(index));
      console.error(`\nrow ${row.number} (${index + 1} of ${chosen.length}): ${row.title}\n  ${announce(run, rounds)}`);
      if (rounds[0]) await runAndKeep(run, row, rounds[0]);
    }
  } finally {
    clean(run);
  }
  console.log(`\nkept in ${run.path}.json and .txt`);
  if (run.finished.some(({ result }) => result.problems.length > 0)) process.exitCode = 1;
}

/** Of the rows that are left, the first of them next. */
function chooseRounds(run: Run, left: readonly Row[]): Planned[] {
  const { rounds, minutes, isQuick } = run.options;
  const usual = rounds ?? (isQuick ? 2 : USUAL_ROUNDS);
  const seconds = (minutes ?? 0) * 60 - (performance.now() - run.startedAt) / 1_000;
  const planned =
    minutes === undefined || rounds !== undefined
      ? left.map((row) => (rounds === undefined && !isQuick ? limitRounds(row.seconds, usual) : usual))
      : planRounds(
          left.map((row) => row.seconds),
          { seconds, pace: paceOf(run.finished) },
        );
  const scale = isQuick ? QUICK_SHARE : 1;
  return left.map((row, index) => {
    const count = planned[index] ?? 1;
    return { rounds: count, seconds: scale * expectedSeconds(row.seconds, count) };
  });
}

function announce(run: Run, planned: readonly Planned[]): string {
  const pace = paceOf(run.finished);
  const [next] = planned;
  const minutes = (seconds: number) => ((pace * seconds) / 60).toFixed(1);
  const all = planned.reduce((sum, { seconds }) => sum + seconds, 0);
  return `${next?.rounds} rounds, about ${minutes(next?.seconds ?? 0)} min; about ${minutes(all)} min to the end of the run`;
}

/** What there is so far is kept after every row: a run that is interrupted loses only the row that ran. */
async function runAndKeep(run: Run, row: Row, { rounds, seconds }: Planned): Promise<void> {
  const { options, finished, machine, path } = run;
  const context = createContext(run, row, rounds);
  const startedAt = performance.now();
  const result = withStandIn(row, await runRow(row, context, seconds * paceOf(finished)), options);
  const took = (performance.now() - startedAt) / 1_000;
  finished.push({ row, result, rounds, expected: seconds, took });
  console.log(`\n${formatRow(row, result)}`);
  console.error(`  took ${took.toFixed(0)} s, ${seconds.toFixed(0)} s were expected`);
  if (context.profileDir) console.log(hottestFunctions(context.profileDir, HOT_FUNCTIONS).join('\n'));
  const table = [formatHead(machine, options.seed), ...finished.map((each) => formatRow(each.row, each.result))];
  writeFileSync(`${path}.txt`, `${table.join('\n\n')}\n`);
  writeFileSync(`${path}.json`, `${JSON.stringify({ machine, options, rows: finished.map(toJson) }, undefined, 2)}\n`);
}

function endOnSignals(run: Run): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.error(`${signal}: ending what was started; ${run.finished.length} rows are kept in ${run.path}.json`);
      void stopAll().finally(() => {
        clean(run);
        process.exit(130);
      });
    });
  }
}

function clean({ tempDir, buildDir }: Run): void {
  rmSync(tempDir, { recursive: true, force: true });
  rmSync(buildDir, { recursive: true, force: true });
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

function createContext({ options, tempDir, buildDir, path }: Run, row: Row, rounds: number): RunContext {
  const profileDir = options.isProfiled ? `${path}-row${row.number}-profile` : undefined;
  if (profileDir) mkdirSync(profileDir, { recursive: true });
  const makeDir = (name: string) => {
    const dir = join(tempDir, name);
    mkdirSync(dir, { recursive: true });
    return dir;
  };
  const { comfyuiUrl, comfyuiCommand: command } = options;
  return {
    rounds,
    isQuick: options.isQuick,
    seed: options.seed,
    buildDir,
    profileDir,
    nextColour: createColours(options.seed),
    makeDir,
    realCommand: command,
    async openReal() {
      const dir = makeDir(`row${row.number}-back-end`);
      if (comfyuiUrl !== undefined) return realBackEnd(comfyuiUrl);
      return command === undefined ? await startEmulator({ buildDir, dir }) : await startReal({ command, dir });
    },
    log: (message) => console.error(message),
  };
}

function withStandIn(row: Row, result: RowResult, { comfyuiUrl, comfyuiCommand }: Options): RowResult {
  if (!row.wantsReal || comfyuiUrl !== undefined || comfyuiCommand !== undefined) return result;
  const note =
    'no COMFYUI_COMMAND or COMFYUI_URL: the emulator stood in for ComfyUI in both arms, so the goal is not judged by this';
  return { ...result, notes: [...result.notes, note] };
}

async function runRow(row: Row, context: RunContext, seconds: number): Promise<RowResult> {
  const running = row.run(context);
  running.catch(() => undefined); // of a row that was given up
  const limitMs = 1_000 * Math.max(LEAST_LIMIT_S, LIMIT_OVER_EXPECTED * seconds);
  const timer = new AbortController();
  const givenUp = sleep(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`given up after ${Math.round(limitMs / 1_000)} s`);
  });
  givenUp.catch(() => undefined);
  try {
    return await Promise.race([running, givenUp]);
  } catch (error) {
    await stopAll();
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { backEnd: '-', measures: [], problems: [problem], notes: [] };
  } finally {
    timer.abort();
  }
}

function toJson({ row, result, rounds, took }: Run['finished'][number]) {
  const figures = result.measures.map((measure) => ({
    ...measure,
    judged: judge(measure, result.problems.length > 0),
  }));
  return { number: row.number, title: row.title, peer: row.peer, rounds, took, ...result, measures: figures };
}

await main();
