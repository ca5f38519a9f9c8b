// `comfleet start`: hands the process to the server and waits for its exit code.
import { runServer } from '@comfleet/server';
import type { StartArgs } from '../command-line.ts';
import { VERSION } from '../help.ts';
import type { Layout } from '../layout.ts';

export function runStart(layout: Layout, args: StartArgs): Promise<number> {
  return runServer({ env: process.env, args, emulatorCommand: layout.emulator, version: VERSION });
}
