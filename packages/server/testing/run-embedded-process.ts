// Bundles embedded-process.ts once and runs it, as another user if wanted. Used by the tests of db/embedded.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ConnectionParts } from '../src/db/connection.ts';

export interface ProcessEvent {
  readonly event: 'started' | 'refused' | 'down' | 'up' | 'interrupted' | 'exit' | 'ended';
  readonly pid?: number;
  readonly connection?: ConnectionParts;
  readonly message?: string;
  readonly code?: number | null;
}

export interface EmbeddedProcess {
  readonly child: ChildProcess;
  /** The next line that it says, or how it ended. */
  next(): Promise<ProcessEvent>;
}

/** A folder with the bundle, laid out as dist/ is: node_modules one step up. */
export async function bundleEmbeddedProcess(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-bundle-'));
  chmodSync(dir, 0o755);
  const here = fileURLToPath(new URL('./', import.meta.url));
  await build({
    entryPoints: [join(here, 'embedded-process.ts')],
    outfile: join(dir, 'dist', 'service.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['pg-native'],
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  symlinkSync(join(here, '../../../node_modules'), join(dir, 'node_modules'));
  return dir;
}

export function runEmbeddedProcess(
  bundleDir: string,
  dataDir: string,
  user: { uid?: number; gid?: number } = {},
): EmbeddedProcess {
  const child = spawn(process.execPath, [join(bundleDir, 'dist', 'service.mjs'), dataDir], {
    ...user,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const events: ProcessEvent[] = [];
  let wakeReader = (): void => {};
  const push = (event: ProcessEvent): void => {
    events.push(event);
    wakeReader();
  };
  createInterface({ input: child.stdout }).on('line', (line) => push(JSON.parse(line) as ProcessEvent));
  child.once('close', (code) => push({ event: 'ended', code }));
  return {
    child,
    next: async () => {
      for (;;) {
        const event = events.shift();
        if (event) return event;
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
    },
  };
}
