// Measures goals over several seeds and words the table. Called by main.ts.
import type { Goal, Measured } from './goal.ts';

export interface GoalReport {
  readonly goal: string;
  readonly what: string;
  /** The worst of all tries. */
  readonly figure: number;
  readonly bar: number;
  readonly moonshot: number;
  readonly reaches: 'moonshot' | 'bar' | 'neither';
  readonly seed: number;
  readonly tries: number;
  readonly seconds: number;
  readonly violations: readonly string[];
  readonly runs: readonly (Measured & { readonly seed: number })[];
}

export interface Round {
  readonly seed: number;
  readonly tries: number;
  readonly jobs: number | undefined;
  /** In seconds. */
  readonly clock: () => number;
}

export function measureGoal(goal: Goal, { seed, tries, jobs, clock }: Round): GoalReport {
  const startedAt = clock();
  const runs: (Measured & { seed: number })[] = [];
  for (let each = seed; each < seed + tries; each += 1)
    runs.push({ seed: each, ...goal.measure({ seed: each, jobs }) });
  const figures = runs.map(({ figure }) => figure);
  const figure = goal.isLowerBetter ? Math.max(...figures) : Math.min(...figures);
  return {
    goal: goal.id,
    what: goal.what,
    figure,
    bar: goal.bar,
    moonshot: goal.moonshot,
    reaches: judge(goal, figure, runs.find(({ missesMoonshot }) => missesMoonshot)?.missesMoonshot),
    seed,
    tries,
    seconds: clock() - startedAt,
    violations: runs.flatMap((run) => run.violations.map((text) => `seed ${run.seed}: ${text}`)),
    runs,
  };
}

function judge({ bar, moonshot, isLowerBetter }: Goal, figure: number, misses?: string): GoalReport['reaches'] {
  const isWithin = (limit: number) => (isLowerBetter ? figure <= limit : figure >= limit);
  if (isWithin(moonshot) && misses === undefined) return 'moonshot';
  return isWithin(bar) ? 'bar' : 'neither';
}

const WIDTHS = [4, 62, 8, 6, 8, 9, 5, 5, 7, 10];

export const HEAD = line(['goal', 'what', 'figure', 'bar', 'moonshot', 'reaches', 'seed', 'tries', 's', 'violations']);

export function formatGoal(report: GoalReport): string {
  const { goal, what, figure, bar, moonshot, reaches, seed, tries, seconds, violations } = report;
  const cells = [goal, what, figure.toFixed(3), bar, moonshot, reaches, seed, tries, seconds.toFixed(1)];
  const [first] = report.runs;
  const detail = Object.entries(first?.detail ?? {}).map(([name, value]) => `${name} ${round(value)}`);
  return [
    line([...cells, violations.length]),
    `     ${detail.join(' · ')}`,
    ...violations.slice(0, 5).map((text) => `     violation: ${text}`),
  ].join('\n');
}

function round(value: number | string | boolean): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(4) : String(value);
}

function line(cells: readonly (string | number)[]): string {
  return cells
    .map((cell, index) => String(cell).padEnd(WIDTHS[index] ?? 0))
    .join(' ')
    .trimEnd();
}
