// A back end at a fixed address that the campaign itself starts and kills, as somebody else's ComfyUI would be.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from './child-process.ts';
import { emulatorOptions } from './program.ts';

/** As POST /emulator/faults takes them. */
export type Faults = Readonly<Record<string, unknown>>;

interface BackEndOptions {
  emulator: string;
  dir: string;
  port: number;
  serviceMs: number;
  executionsFile: string;
  /** What each of its lives begins with. */
  nextFaults?: () => Faults;
}

export interface BackEnd {
  readonly url: string;
  readonly executionsFile: string;
  start(): void;
  /** kill -9, nothing at the address for a while, and a new start. */
  kill(awayMs: number): Promise<void>;
  misbehave(faults: Faults): Promise<void>;
  /** It stands still for a while, with its connections open. */
  freeze(forMs: number): Promise<void>;
  stop(): Promise<void>;
}

const RESTART_MS = 200;

export function createBackEnd(options: BackEndOptions): BackEnd {
  const { emulator, dir, port, executionsFile, nextFaults = () => ({}) } = options;
  let child: Child | undefined;
  let isStopped = false;
  let isBeingKilled = false;

  function start(): void {
    isStopped = false;
    const args = [emulator, '--port', String(port), '--base-dir', join(dir, `back-end-${port}`), '--hide-folders'];
    const all = [...args, ...emulatorOptions({ ...options, faults: nextFaults() })];
    const started = startChild({ args: all, cwd: dir, logPath: join(dir, `back-end-${port}.log`) });
    child = started;
    // One that crashed by itself is started again, as by whoever keeps it running.
    void started.ended.then(() =>
      setTimeout(() => !isStopped && child === started && !isBeingKilled && start(), RESTART_MS),
    );
  }

  async function end(): Promise<void> {
    child?.signal('SIGKILL');
    await child?.ended;
  }

  return {
    url: `http://127.0.0.1:${port}`,
    executionsFile,
    start,
    async kill(awayMs) {
      isBeingKilled = true;
      await end();
      await sleep(awayMs);
      isBeingKilled = false;
      if (!isStopped) start();
    },
    async misbehave(faults) {
      const body = JSON.stringify(faults);
      const post = { method: 'POST', body, signal: AbortSignal.timeout(2_000) };
      await fetch(`http://127.0.0.1:${port}/emulator/faults`, post).then(
        (reply) => reply.text(),
        () => undefined,
      );
    },
    async freeze(forMs) {
      const frozen = child;
      frozen?.signal('SIGSTOP');
      await sleep(forMs);
      frozen?.signal('SIGCONT');
    },
    async stop() {
      isStopped = true;
      await end();
    },
  };
}
