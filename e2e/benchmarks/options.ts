// The command line and environment of `npm run bench`. Read by main.ts.
import { parseArgs } from 'node:util';

export interface Options {
  readonly rows: readonly number[] | undefined;
  /** Undefined: as many as fit into the minutes, or five. */
  readonly rounds: number | undefined;
  readonly minutes: number | undefined;
  readonly isQuick: boolean;
  readonly isProfiled: boolean;
  readonly seed: number;
  readonly comfyuiUrl: string | undefined;
  readonly comfyuiCommand: readonly string[] | undefined;
}

export const USAGE = `npm run bench -- [--rows 1-6,13] [--minutes N | --rounds N] [--quick] [--profile] [--seed N]

  --rows     numbers of the goals' table; default: all that exist
  --minutes  what all of it may take: rounds are chosen for each row so that it fits
  --rounds   timed rounds of each row, arms interleaved (default 5; 2 with --quick)
  --quick    short rounds: a look, not a result
  --profile  also a CPU profile of the gateway, its hottest functions listed
  COMFYUI_COMMAND='["start.sh","{port}","{base_dir}"]'   starts a real ComfyUI, afresh for each row that needs one
  COMFYUI_URL=http://127.0.0.1:8188   one that runs already; without either the emulator stands in`;

export function readOptions(args: string[], env: NodeJS.ProcessEnv): Options {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string' },
      rounds: { type: 'string' },
      minutes: { type: 'string' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      seed: { type: 'string' },
    },
  });
  const rows = values.rows?.split(',').flatMap(readRange);
  const rounds = values.rounds === undefined ? undefined : readWhole('--rounds', values.rounds);
  const minutes = values.minutes === undefined ? undefined : readWhole('--minutes', values.minutes);
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : readWhole('--seed', values.seed);
  const comfyuiUrl = env['COMFYUI_URL']?.replace(/\/+$/, '') || undefined;
  const comfyuiCommand = readCommand(env['COMFYUI_COMMAND']);
  const { quick: isQuick, profile: isProfiled } = values;
  return { rows, rounds, minutes, isQuick, isProfiled, seed, comfyuiUrl, comfyuiCommand };
}

/** `4`, or `4-6` for 4, 5 and 6. */
function readRange(text: string): number[] {
  const [first = '', last = first] = text.split('-', 2);
  const from = readWhole('--rows', first);
  return Array.from({ length: Math.max(0, readWhole('--rows', last) - from + 1) }, (_, index) => from + index);
}

function readCommand(text: string | undefined): readonly string[] | undefined {
  if (text === undefined || text === '') return undefined;
  const parts: unknown = JSON.parse(text);
  if (Array.isArray(parts) && parts.length > 0 && parts.every((part) => typeof part === 'string')) return parts;
  throw new Error(`COMFYUI_COMMAND wants a list of strings as JSON, not ${text}`);
}

function readWhole(name: string, text: string): number {
  const value = Number(text);
  if (!/^\s*\d+\s*$/.test(text)) throw new Error(`${name} wants whole numbers, not "${text}"`);
  return value;
}
