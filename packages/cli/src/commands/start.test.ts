// The process as it is started and told to stop, from the first moment on.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const main = resolve(import.meta.dirname, '..', 'main.ts');
const PATIENCE_MS = 240_000;

let dataDir = '';
let child: ChildProcess;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'comfleet-start-'));
});
afterEach(() => {
  child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

function start(): ChildProcess {
  const flags = ['start', '--port', '0', '--data', dataDir, '--comfyui', 'http://127.0.0.1:1'];
  child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), main, ...flags], {
    cwd: dataDir,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return child;
}

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    if (performance.now() > end) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Servers whose folder is the cluster. */
function countServers(): number {
  const isServer = (pid: string) => {
    try {
      const inIt = readlinkSync(`/proc/${pid}/cwd`) === join(dataDir, 'postgres');
      return inIt || readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(dataDir, 'postgres'));
    } catch {
      return false; // it has ended
    }
  };
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isServer(pid)).length;
}

test.runIf(process.platform === 'linux')(
  'a start that is called off while it loads takes the database with it',
  async () => {
    const first = start();
    first.stdout?.on('data', (text: Buffer) => {
      if (text.includes('listens on')) first.kill('SIGTERM');
    });
    expect(await once(first, 'exit')).toEqual([0, null]);
    expect(existsSync(join(dataDir, 'postgres', 'PG_VERSION'))).toBe(true);
    const second = start();
    await until(() => countServers() > 0);
    second.kill('SIGTERM');
    expect(await once(second, 'exit')).toEqual([0, null]);
    await until(() => countServers() === 0);
  },
  PATIENCE_MS,
);
