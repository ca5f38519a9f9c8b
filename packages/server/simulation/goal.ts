// What a goal of a simulated fleet is: how it is measured once, and what its figure should be. Listed in goals/index.ts.

export interface Trial {
  readonly seed: number;
  /** So many requests, where the goal lets it be chosen. */
  readonly jobs: number | undefined;
}

export interface Measured {
  readonly figure: number;
  /** What must never be, and was. */
  readonly violations: readonly string[];
  /** What else the moonshot asks for, and the figure does not tell. */
  readonly missesMoonshot?: string | undefined;
  /** The figures behind the figure. */
  readonly detail: Readonly<Record<string, number | string | boolean>>;
}

export interface Goal {
  readonly id: string;
  readonly what: string;
  readonly bar: number;
  readonly moonshot: number;
  readonly isLowerBetter: boolean;
  measure(trial: Trial): Measured;
}
