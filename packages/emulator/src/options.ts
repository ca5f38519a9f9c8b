// Reads the emulator's command line. Called by main.ts.
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

export interface CommandLine {
  port: number;
  host: string;
  baseDir: string;
  faults: unknown;
  lingerSeconds: number;
  nullExec: boolean;
  hidesFolders: boolean;
  executionsFile: string | undefined;
}

export type ReadCommandLine = { kind: 'options'; options: CommandLine } | { kind: 'wrong'; problem: string };

export function readCommandLine(args: string[]): ReadCommandLine {
  try {
    const { values } = parseArgs({
      args,
      options: {
        port: { type: 'string', default: '8188' },
        host: { type: 'string', default: '127.0.0.1' },
        'base-dir': { type: 'string', default: path.join(tmpdir(), `comfleet-emulator-${process.pid}`) },
        faults: { type: 'string', default: '{}' },
        linger: { type: 'string', default: '0' },
        'null-exec': { type: 'boolean', default: false },
        'hide-folders': { type: 'boolean', default: false },
        'executions-file': { type: 'string' },
      },
    });
    const options = {
      port: readNumber('--port', values.port),
      host: values.host,
      baseDir: values['base-dir'],
      faults: readJson('--faults', values.faults),
      lingerSeconds: readNumber('--linger', values.linger),
      nullExec: values['null-exec'],
      hidesFolders: values['hide-folders'],
      executionsFile: values['executions-file'],
    };
    return { kind: 'options', options };
  } catch (error) {
    return { kind: 'wrong', problem: error instanceof Error ? error.message : String(error) };
  }
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new Error(`${name} must be a number, not "${text}"`);
  return value;
}

function readJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${name} must be JSON: ${text}`, { cause });
  }
}
