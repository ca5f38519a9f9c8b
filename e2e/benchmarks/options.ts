// The command line and environment of `npm run bench`. Read by main.ts.
import { parseArgs } from 'node:util';

export interface Options {
  readonly rows: readonly number[] | undefined;
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly isProfiled: boolean;
  readonly seed: number;
  readonly comfyuiUrl: string | undefined;
}

export const USAGE = `npm run bench -- [--rows 1,4] [--rounds N] [--quick] [--profile] [--seed N]

  --rows     numbers of the goals' table; default: all that exist
  --rounds   timed rounds of each row, arms interleaved (default 5; 2 with --quick)
  --quick    short rounds: a look, not a result
  --profile  also a CPU profile of the gateway, its hottest functions listed
  COMFYUI_URL=http://127.0.0.1:8188   a real ComfyUI for the rows that need one; else the emulator`;

export function readOptions(args: string[], env: NodeJS.ProcessEnv): Options {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      seed: { type: 'string' },
    },
  });
  const rows = values.rows?.split(',').map((text) => readWhole('--rows', text));
  const rounds = values.rounds === undefined ? (values.quick ? 2 : 5) : readWhole('--rounds', values.rounds);
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : readWhole('--seed', values.seed);
  const comfyuiUrl = env['COMFYUI_URL']?.replace(/\/+$/, '') || undefined;
  return { rows, rounds, isQuick: values.quick, isProfiled: values.profile, seed, comfyuiUrl };
}

function readWhole(name: string, text: string): number {
  const value = Number(text);
  if (!/^\s*\d+\s*$/.test(text)) throw new Error(`${name} wants whole numbers, not "${text}"`);
  return value;
}
