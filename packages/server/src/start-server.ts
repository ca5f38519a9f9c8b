// The first code of a start: brings PostgreSQL on its way, then loads the rest of the program. Called by the command line
// (packages/cli) through index.ts.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { abandonEarly, isEarly, startEarly } from './db/embedded/early-start.ts';
import type { RunServerOptions } from './run-server.ts';

/** Resolves with the exit code once the service has stopped. */
export async function runServer(options: RunServerOptions): Promise<number> {
  const { env, args } = options;
  const read = (name: string) => textOf(env[name]) ?? readFromFile(name);
  if (read('DATABASE_URL') === undefined) {
    startEarly(resolve(args.dataDir ?? read('COMFLEET_DATA') ?? DEFAULT_DATA_DIR));
    // Until it is taken over nobody else would stop it (run-server.ts).
    if (isEarly()) for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, callOff);
  }
  try {
    const { runServer } = await import('./run-server.ts');
    return await runServer(options);
  } finally {
    await abandonEarly();
  }
}

function callOff(): void {
  if (isEarly()) void abandonEarly().then(() => process.exit(0));
}

export async function runDoctor(
  ...given: Parameters<typeof import('./doctor/run-doctor.ts').runDoctor>
): Promise<number> {
  const { runDoctor } = await import('./doctor/run-doctor.ts');
  return await runDoctor(...given);
}

/** As in config.ts, which reads everything, tells what is wrong, and is loaded later. */
const DEFAULT_DATA_DIR = './.comfleet';

function readFromFile(name: string): string | undefined {
  try {
    const values: unknown = JSON.parse(readFileSync(join(process.cwd(), 'comfleet.config.json'), 'utf8'));
    return textOf(Object.entries(values ?? {}).find(([key]) => key === name)?.[1]);
  } catch {
    return undefined; // there is none, or it is told of in a moment
  }
}

function textOf(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim() : '';
  return text === '' ? undefined : text;
}
