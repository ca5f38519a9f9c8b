// Reads the command line into one command. main.ts calls it; a wrong word or flag becomes a message, never a guess.
import { parseArgs } from 'node:util';

export interface StartArgs {
  comfyui?: string[];
  port?: number;
  host?: string;
  dataDir?: string;
  sandbox?: boolean;
}

export type Command =
  | { kind: 'start'; args: StartArgs }
  | { kind: 'doctor'; args: StartArgs }
  | { kind: 'demo'; photo: string | undefined }
  | { kind: 'help' }
  | { kind: 'version' }
  | { kind: 'bad'; message: string };

const START_FLAGS = {
  comfyui: { type: 'string', multiple: true },
  port: { type: 'string' },
  host: { type: 'string' },
  data: { type: 'string' },
  sandbox: { type: 'boolean' },
} as const;

export function parseCommand(argv: string[]): Command {
  const [name = 'help', ...rest] = argv;
  if (argv.includes('--help') || argv.includes('-h') || name === 'help') return { kind: 'help' };
  switch (name) {
    case 'version':
    case '--version':
      return { kind: 'version' };
    case 'start':
      return parseStart('start', rest);
    case 'doctor':
      return parseStart('doctor', rest);
    case 'demo':
      return parseDemo(rest);
    default:
      return { kind: 'bad', message: `unknown command "${name}"` };
  }
}

/** The doctor looks at what a start with the same flags would use. */
function parseStart(kind: 'start' | 'doctor', rest: string[]): Command {
  try {
    const { values } = parseArgs({ args: rest, options: START_FLAGS, strict: true, allowPositionals: false });
    const port = values.port === undefined ? undefined : parsePort(values.port);
    if (port === 'bad') return bad(`--port wants a number from 0 to 65535, got "${values.port}"`);
    const args: StartArgs = {};
    if (values.comfyui) args.comfyui = values.comfyui;
    if (port !== undefined) args.port = port;
    if (values.host !== undefined) args.host = values.host;
    if (values.data !== undefined) args.dataDir = values.data;
    if (values.sandbox) args.sandbox = true;
    return { kind, args };
  } catch (error) {
    return bad(firstSentence(error));
  }
}

function parseDemo(rest: string[]): Command {
  try {
    const { positionals } = parseArgs({ args: rest, options: {}, strict: true, allowPositionals: true });
    if (positionals.length > 1) return bad('demo takes one photo');
    return { kind: 'demo', photo: positionals[0] };
  } catch (error) {
    return bad(firstSentence(error));
  }
}

function parsePort(text: string): number | 'bad' {
  const port = Number(text);
  return /^\d+$/.test(text) && port <= 65_535 ? port : 'bad';
}

function bad(message: string): Command {
  return { kind: 'bad', message };
}

// parseArgs explains at length how to pass a positional that starts with a dash; the first sentence says what is wrong.
function firstSentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [first = message] = message.split(/\. (?=[A-Z])/);
  return first.charAt(0).toLowerCase() + first.slice(1).replace(/\.$/, '');
}
