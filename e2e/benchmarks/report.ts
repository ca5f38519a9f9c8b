// The table on stdout: one line a figure, its median over the rounds with the spread, and how it stands to the goal.
import type { Machine } from './machine.ts';
import type { Measure, Row, RowResult } from './row.ts';
import { median } from './statistics.ts';

export interface Judged {
  readonly name: string;
  readonly values: number[];
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly verdict: 'moonshot' | 'bar' | 'below' | 'void' | '';
}

export function judge(measure: Measure, isVoid: boolean): Judged {
  const values = measure.ours.map((ours, index) => compare(measure, ours, measure.peer?.[index] ?? Number.NaN));
  const middle = median(values);
  const reaches = (goal: number | undefined) =>
    goal !== undefined && (measure.isMoreBetter ? middle >= goal : middle <= goal);
  let verdict: Judged['verdict'] = measure.bar === undefined ? '' : 'below';
  if (reaches(measure.bar)) verdict = 'bar';
  if (reaches(measure.moonshot)) verdict = 'moonshot';
  if (isVoid) verdict = 'void';
  return { name: measure.name, values, median: middle, least: Math.min(...values), most: Math.max(...values), verdict };
}

function compare({ compare: how }: Measure, ours: number, peer: number): number {
  if (how === 'alone') return ours;
  return how === 'ratio' ? ours / peer : ours - peer;
}

export function formatRow(row: Row, result: RowResult): string {
  const isVoid = result.problems.length > 0;
  const head = `${row.number}. ${row.title}  [back end: ${result.backEnd}; peer: ${row.peer}]`;
  const lines = result.measures.map((measure) => formatMeasure(measure, judge(measure, isVoid)));
  const notes = result.notes.map((note) => `     ${note}`);
  const problems = [...new Set(result.problems)].map((problem) => `     FAILED: ${problem}`);
  return [head, ...lines, ...notes, ...problems].join('\n');
}

function formatMeasure(measure: Measure, judged: Judged): string {
  const isRatio = measure.compare === 'ratio';
  const show = (value: number) => (isRatio ? `${round(value)}x` : `${round(value)} ${measure.unit}`);
  const goals = [measure.bar, measure.moonshot].map((goal) => (goal === undefined ? '-' : String(goal))).join(' / ');
  const both = measure.peer ? `${round(median(measure.ours))} to ${round(median(measure.peer))} ${measure.unit}` : '';
  const cells = [
    `   ${measure.name}`.padEnd(44),
    show(judged.median).padEnd(11),
    `${round(judged.least)} .. ${round(judged.most)}`.padEnd(17),
    both.padEnd(26),
    goals.padEnd(13),
    judged.verdict,
  ];
  return cells.join(' ').trimEnd();
}

export function formatHead(machine: Machine, seed: number): string {
  const place = `${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, Linux ${machine.kernel}`;
  const columns = ['   figure'.padEnd(44), 'median'.padEnd(11), 'spread'.padEnd(17), 'ours to peer'.padEnd(26)];
  return [
    `commit ${machine.commit}, node ${machine.node}, seed ${seed}`,
    `${place}, load ${round(machine.loadBefore)} before the run`,
    '',
    `${columns.join(' ')} ${'bar / moon'.padEnd(13)} verdict`,
  ].join('\n');
}

function round(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
