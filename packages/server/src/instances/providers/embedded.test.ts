import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
    const command = [process.execPath, '-e', 'setInterval(() => {}, 1000)', '--'];
    const provider = createEmbeddedProvider({
      command,
      dataDir,
      newId: () => 'i2',
      log: createLog('silent'),
      runTimeoutMs: 3_600_000,
    });
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

/** A back end that only says that it is ready. */
const READY = [process.execPath, '-e', 'console.log(`{"ready":true,"port":1}`); setInterval(() => {}, 1000)', '--'];

async function start(dataDir: string) {
  const events: string[] = [];
  const provider = createEmbeddedProvider({
    command: READY,
    dataDir,
    newId: () => 'i1',
    log: createLog('silent'),
    runTimeoutMs: 3_600_000,
  });
  await provider.start({
    onStarted: ({ id }) => void events.push(`${id} started`),
    onGone: (id) => void events.push(`${id} gone`),
  });
  onTestFinished(() => provider.stop());
  return events;
}

it('works also where it cannot be written down where it listens', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'comfleet-process-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  symlinkSync('nowhere/at-all', join(dataDir, 'emulator.json'));
  const events = await start(dataDir);
  await expect.poll(() => events).toEqual(['i1 started']);
});

it('is tried again when it could not be started at all', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'comfleet-process-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const inTheWay = join(dataDir, 'emulator');
  writeFileSync(inTheWay, 'no folder can be made here');
  const events = await start(dataDir);
  rmSync(inTheWay);
  await expect.poll(() => events, { timeout: 5_000 }).toEqual(['i1 started']);
});
