// What back ends testify once a campaign is over, and while it goes on: the files in which they wrote down what they
// began and what struck them. Read by verdict.ts; counted by campaigns that need so many strikes.
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { Execution, Strike } from './history.pure.ts';

interface Line {
  readonly prompt_id: string;
  readonly started_at?: number;
  readonly prompt?: Record<string, { inputs: { color?: number } }>;
  readonly fault?: string;
  readonly how?: string;
  readonly at?: number;
}

export function readExecutions(files: readonly string[]): Execution[] {
  return files.flatMap((file) => readLines(file).flatMap((line) => toExecution(line, file)));
}

export function readStrikes(files: readonly string[]): Strike[] {
  return files.flatMap((file) =>
    readLines(file).flatMap(({ fault, how, prompt_id: promptId, at = 0 }) =>
      fault === undefined ? [] : [{ fault, how, promptId, at }],
    ),
  );
}

function toExecution({ prompt_id: promptId, prompt, started_at: startedAt = 0 }: Line, backEnd: string): Execution[] {
  // Only the line about a start has the graph.
  const colour = prompt?.['1']?.inputs.color;
  return colour === undefined ? [] : [{ promptId, colour, startedAt, backEnd }];
}

function readLines(file: string): Line[] {
  return existsSync(file) ? parseLines(readFileSync(file, 'utf8')) : [];
}

function parseLines(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Line];
    } catch {
      return []; // the end of a file, or the last words of a killed process
    }
  });
}

/** How many strikes of each kind there were so far; reads only what was added since the last look. */
export function countStrikes(files: readonly string[]): () => number {
  const readTo = new Map<string, number>();
  let count = 0;
  return () => {
    for (const file of files) {
      const from = readTo.get(file) ?? 0;
      const text = existsSync(file) ? readFrom(file, from) : '';
      const whole = text.slice(0, text.lastIndexOf('\n') + 1);
      readTo.set(file, from + Buffer.byteLength(whole));
      count += parseLines(whole).filter(({ fault }) => fault !== undefined).length;
    }
    return count;
  };
}

function readFrom(file: string, from: number): string {
  const bytes = Buffer.alloc(Math.max(0, statSync(file).size - from));
  const fd = openSync(file, 'r');
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, from)).toString();
  } finally {
    closeSync(fd);
  }
}
