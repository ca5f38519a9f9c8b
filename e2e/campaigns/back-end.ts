// A back end at a fixed address that the campaign itself starts and kills, as somebody else's ComfyUI would be.
import { join } from 'node:path';
import { type Child, startChild } from './child-process.ts';
import { emulatorOptions } from './program.ts';

interface BackEndOptions {
  emulator: string;
  dir: string;
  port: number;
  serviceMs: number;
  executionsFile: string;
}

export interface BackEnd {
  readonly url: string;
  start(): void;
  /** kill -9, nothing at the address for a while, and a new start. */
  kill(awayMs: number): Promise<void>;
  stop(): Promise<void>;
}

export function createBackEnd(options: BackEndOptions): BackEnd {
  const { emulator, dir, port } = options;
  let child: Child | undefined;
  let isStopped = false;

  function start(): void {
    const args = [emulator, '--port', String(port), '--base-dir', join(dir, `back-end-${port}`)];
    const all = [...args, ...emulatorOptions(options)];
    child = startChild({ args: all, cwd: dir, logPath: join(dir, `back-end-${port}.log`) });
  }

  async function end(): Promise<void> {
    child?.signal('SIGKILL');
    await child?.ended;
  }

  return {
    url: `http://127.0.0.1:${port}`,
    start,
    async kill(awayMs) {
      await end();
      await new Promise((resolve) => setTimeout(resolve, awayMs));
      if (!isStopped) start();
    },
    async stop() {
      isStopped = true;
      await end();
    },
  };
}
