import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createLog } from '../../telemetry/log.ts';
import { createEmbeddedProvider } from './embedded.ts';

/** A process whose parent never asks what became of it. */
async function startUnattended(): Promise<number> {
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = await once(parent.stdout, 'data');
  const pid = Number(line);
  await expect.poll(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1')).toContain('sleep\0');
  return pid;
}

it.runIf(process.platform === 'linux')(
  'an adopted back end that was killed is gone, also when nobody reaps it',
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'comfleet-process-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true }));
    const pid = await startUnattended();
    const program = `${readlinkSync(`/proc/${pid}/exe`)} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1')}`;
    writeFileSync(join(dataDir, 'emulator.json'), JSON.stringify({ id: 'i1', port: 1, pid, program }));
    const events: string[] = [];
    // What it starts in the dead one's place says nothing, so only the adopted one is heard of.
    const command = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
    const provider = createEmbeddedProvider({ command, dataDir, newId: () => 'i2', log: createLog('silent') });
    await provider.start({
      onStarted: ({ id }) => void events.push(`${id} started`),
      onGone: (id) => void events.push(`${id} gone`),
    });
    expect(events).toEqual(['i1 started']);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => events).toEqual(['i1 started', 'i1 gone']);
    await provider.stop();
  },
);
