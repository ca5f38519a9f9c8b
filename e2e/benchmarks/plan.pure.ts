// How many rounds each row gets so that a run ends within the minutes it was given. Asked by main.ts before each row again,
// with what the rows so far really took.

/** Of a full row on two cores. */
export interface RowSeconds {
  readonly setup: number;
  readonly round: number;
  /** Fewer rounds say nothing; default 1. */
  readonly leastRounds?: number;
  readonly mostRounds?: number;
}

export interface Budget {
  readonly seconds: number;
  /** What the rows so far took over what was expected of them. */
  readonly pace: number;
}

export const USUAL_ROUNDS = 5;

export function expectedSeconds({ setup, round }: RowSeconds, rounds: number): number {
  return setup + round * rounds;
}

export function limitRounds({ leastRounds = 1, mostRounds = USUAL_ROUNDS }: RowSeconds, rounds: number): number {
  return Math.min(mostRounds, Math.max(leastRounds, rounds));
}

/** Rounds of each row, the least of them even when time is short; the rest of the time goes to those with the fewest. */
export function planRounds(rows: readonly RowSeconds[], { seconds, pace }: Budget): number[] {
  const rounds = rows.map((row) => limitRounds(row, 1));
  const costs = rows.map((row, index) => expectedSeconds(row, rounds[index] ?? 1));
  let left = seconds / pace - costs.reduce((sum, cost) => sum + cost, 0);
  for (let level = 2; level <= USUAL_ROUNDS; level += 1) {
    for (const [index, row] of rows.entries()) {
      const now = rounds[index] ?? 0;
      if (now >= level || limitRounds(row, level) <= now || row.round > left) continue;
      rounds[index] = now + 1;
      left -= row.round;
    }
  }
  return rounds;
}

/** Of what was expected and what it took, both in seconds; 1 before anything ran. */
export function paceOf(done: readonly { readonly expected: number; readonly took: number }[]): number {
  const sum = (key: 'expected' | 'took') => done.reduce((total, row) => total + row[key], 0);
  const expected = sum('expected');
  return expected === 0 ? 1 : Math.max(0.5, sum('took') / expected);
}
