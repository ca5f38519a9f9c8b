// `npm run simulate`: plays fleets on a virtual clock, prints a table of the goals' figures and keeps the JSON beside it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareBaselines } from './baselines.ts';
import { GOALS } from './goals/index.ts';
import { formatGoal, type GoalReport, HEAD, measureGoal } from './report.ts';

const USAGE = `npm run simulate -- [--goals A1,A5] [--seed 1] [--tries 3] [--jobs N] [--baselines]

--goals      which ones; all without it
--seed       the first seed; try n plays seed + n - 1
--tries      the figure printed is the worst of so many
--jobs       requests per run, where a goal lets it be chosen
--baselines  play the published baselines again instead, and print them beside what was published`;

const resultsDir = fileURLToPath(new URL('../../../bench-results/', import.meta.url));
const clock = () => performance.now() / 1_000;

interface Options {
  readonly goals: readonly string[] | undefined;
  readonly seed: number;
  readonly tries: number;
  readonly jobs: number | undefined;
  readonly baselines: boolean;
}

function readOptions(args: string[]): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: { goals: text, seed: text, tries: text, jobs: text, baselines: { type: 'boolean' } },
  });
  const count = (name: 'seed' | 'tries' | 'jobs') => {
    const value = Number(values[name]);
    if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0`);
    return value;
  };
  const goals = values.goals?.split(',').map((id) => id.trim().toUpperCase());
  const unknown = goals?.find((id) => GOALS.every((goal) => goal.id !== id));
  if (unknown !== undefined) throw new Error(`--goals: there is no ${unknown}; there are ${listGoals()}`);
  return {
    goals,
    seed: values.seed === undefined ? 1 : count('seed'),
    tries: values.tries === undefined ? 3 : count('tries'),
    jobs: values.jobs === undefined ? undefined : count('jobs'),
    baselines: values.baselines === true,
  };
}

const listGoals = () => GOALS.map(({ id }) => id).join(', ');

function main(args: string[]): void {
  const options = readOptions(args);
  if (options.baselines) {
    for (const text of compareBaselines(options.seed)) console.log(text);
    return;
  }
  console.log(HEAD);
  const reports: GoalReport[] = [];
  for (const goal of GOALS.filter(({ id }) => options.goals?.includes(id) ?? true)) {
    const report = measureGoal(goal, { ...options, clock });
    reports.push(report);
    console.log(formatGoal(report));
  }
  mkdirSync(resultsDir, { recursive: true });
  const path = join(resultsDir, `simulate-seed-${options.seed}-tries-${options.tries}.json`);
  writeFileSync(path, `${JSON.stringify({ node: process.version, options, reports }, undefined, 2)}\n`);
  console.log(`\nkept in ${path}`);
  if (reports.some(({ violations, reaches }) => violations.length > 0 || reaches === 'neither')) process.exitCode = 1;
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
