// What a row of the goals is and what it reports. Each file in rows/ makes one; main.ts runs them; report.ts shows them.
import type { BackEnd } from './back-end.ts';
import type { RowSeconds } from './plan.pure.ts';

export interface Measure {
  readonly name: string;
  readonly unit: string;
  /** One figure a round. */
  readonly ours: readonly number[];
  /** The peer's of the same rounds; absent for a figure that stands alone. */
  readonly peer?: readonly number[];
  /** What is judged: ours / peer, ours - peer, or ours. */
  readonly compare: 'ratio' | 'difference' | 'alone';
  readonly isMoreBetter: boolean;
  readonly bar?: number;
  readonly moonshot?: number;
}

export interface RowResult {
  readonly backEnd: string;
  readonly measures: Measure[];
  /** What the sweeps found: with any, the row's figures do not count. */
  readonly problems: string[];
  readonly notes: string[];
}

export interface RunContext {
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly seed: number;
  readonly buildDir: string;
  /** Where node puts the gateway's CPU profile; only rows that keep the gateway busy use it. */
  readonly profileDir: string | undefined;
  readonly nextColour: () => number;
  /** A fresh folder, removed at the end of the run. */
  readonly makeDir: (name: string) => string;
  /** R if there is one, else the emulator; the caller stops it. */
  readonly openReal: () => Promise<BackEnd>;
  /** The command line of a real ComfyUI with {port} and {base_dir} in it. */
  readonly realCommand: readonly string[] | undefined;
  readonly log: (message: string) => void;
}

export interface Row {
  readonly number: number;
  readonly title: string;
  readonly peer: string;
  /** Its goal is about a real ComfyUI; without one the emulator stands in, in both arms. */
  readonly wantsReal: boolean;
  readonly seconds: RowSeconds;
  run(context: RunContext): Promise<RowResult>;
}
