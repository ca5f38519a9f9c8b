// The emulator as a process: `emulator --port 8188 --base-dir DIR`. Prints one line of JSON when it listens, stops on
// SIGTERM, and goes away by itself when the program that started it is gone (its stdin ends) and nobody is connected.
import { fstatSync } from 'node:fs';
import { createEmulator } from './emulator.ts';
import { createLinger } from './linger.ts';
import { readCommandLine } from './options.ts';
import type { Crash } from './runner.ts';

async function main(): Promise<void> {
  const read = readCommandLine(process.argv.slice(2));
  if (read.kind === 'wrong') {
    console.error(`emulator: ${read.problem}`);
    process.exitCode = 2;
    return;
  }
  const { options } = read;
  const { baseDir, port, host, faults, nullExec, hidesFolders, executionsFile } = options;
  const linger = createLinger({ lingerMs: options.lingerSeconds * 1000, stop: () => process.exit(0) });
  const emulator = createEmulator({
    ...{ baseDir, port, host, faults, nullExec, hidesFolders },
    ...(executionsFile === undefined ? {} : { executionsFile }),
    onCrash: crash,
    onSockets: linger.socketCount,
  });
  process.once('SIGTERM', () => process.exit(0));
  process.once('SIGINT', () => process.exit(0));
  const { port: openPort } = await emulator.start();
  console.log(JSON.stringify({ ready: true, port: openPort, pid: process.pid }));
  watchStdin(linger.orphaned);
}

function crash({ exitCode = 1, signal }: Crash): void {
  if (signal === undefined) process.exit(exitCode);
  process.kill(process.pid, signal);
}

/** Only a pipe has a program at its other end; Node's own pipes are sockets. */
function watchStdin(onEnd: () => void): void {
  const stdin = fstatSync(0);
  if (!stdin.isFIFO() && !stdin.isSocket()) return;
  process.stdin.resume();
  process.stdin.once('end', onEnd);
  process.stdin.once('error', onEnd);
}

await main();
