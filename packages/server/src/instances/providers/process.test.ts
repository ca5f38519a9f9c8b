import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { describeProvider } from '../../../testing/provider-conformance.ts';
import { until } from '../../../testing/until.ts';
import { createLog } from '../../telemetry/log.ts';
import { type InstanceSpec, StartRefused } from '../provider.ts';
import { isAlive, listMarked } from './os-process.ts';
import { createProcessProvider } from './process.ts';
import { INSTANCE_MARK } from './process-command.pure.ts';
import type { ProcessSettings } from './process-settings.pure.ts';

/** Says what it was given, and stays; with a process of its own, which a signal to the first alone would leave behind. */
const STAYS = 'echo "gpu=$CUDA_VISIBLE_DEVICES secret=$COMFLEET_ADMIN_TOKEN args=$*"; sleep 1000 & wait';

function settingsOf(script: string, more: Partial<ProcessSettings> = {}): ProcessSettings {
  const command = ['sh', '-c', script, 'sh', '{port}', '{base_dir}'];
  return { command, cwd: undefined, env: {}, envFrom: [], gpus: [], maxInstances: 3, ...more };
}

function specOf(id: string, sku = 'GPU'): InstanceSpec {
  return { id, pool: 'deployment:d', accountId: 'a', deploymentId: 'd', sku, fingerprint: 'f' };
}

function makeDataDir(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'comfleet-process-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 }));
  return dataDir;
}

async function openProvider(settings: Record<string, ProcessSettings>, dataDir = makeDataDir()) {
  const told: string[] = [];
  const provider = createProcessProvider({
    settings: new Map(Object.entries(settings)),
    dataDir,
    log: createLog('silent'),
    runTimeoutMs: 3_600_000,
  });
  await provider.start({
    onStarted: ({ id }) => void told.push(`${id} started`),
    onGone: (id, cause, kind) => void told.push(`${id} gone ${kind}: ${cause}`),
  });
  onTestFinished(() => provider.stop());
  return {
    told,
    dataDir,
    create: async (spec: InstanceSpec) => await provider.create?.(spec),
    remove: async (id: string) => await provider.remove?.(id),
    logTail: async (id: string) => (await provider.logTail?.(id)) ?? [],
    check: async () => (await provider.check?.()) ?? [],
    roomFor: (sku: string, asked: InstanceSpec[] = []) => provider.roomFor?.(sku, asked).left,
  };
}

function pidOf(dataDir: string, id: string): number {
  return JSON.parse(readFileSync(join(dataDir, 'instances', `${id}.json`), 'utf8')).pid;
}

describeProvider('processes', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'comfleet-process-'));
  const settings = new Map([
    ['GPU', settingsOf(STAYS)],
    ['BAD', settingsOf(STAYS, { command: ['/nowhere/comfyui'] })],
  ]);
  return {
    open: async () => createProcessProvider({ settings, dataDir, log: createLog('silent'), runTimeoutMs: 3_600_000 }),
    sku: 'GPU',
    badSku: 'BAD',
    survivesStop: false,
    kill: async (id) => void process.kill(pidOf(dataDir, id), 'SIGKILL'),
    close: async () => rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 }),
  };
});

it('ends all that an instance started, and leaves its log', async () => {
  const { create, remove, told, logTail } = await openProvider({ GPU: settingsOf(STAYS) });
  await create(specOf('i1'));
  await until('both run', () => listMarked(INSTANCE_MARK, 'i1').length === 2);
  await remove('i1');
  expect(listMarked(INSTANCE_MARK, 'i1')).toEqual([]);
  expect(told).toEqual(['i1 started', 'i1 gone removed: it was removed']);
  expect(await logTail('i1')).toEqual([expect.stringMatching(/args=\d+ .*\/instances\/i1$/)]);
});

it('gives each instance a GPU of its own, and it to nobody else before all of its processes are gone', async () => {
  const settings = settingsOf(STAYS, { gpus: ['0', '1'] });
  const { create, remove, told, logTail } = await openProvider({ GPU: settings, OTHER: settings });
  await create(specOf('i1'));
  await create(specOf('i2', 'OTHER'));
  await expect(create(specOf('i3'))).rejects.toThrow(new StartRefused('no GPU is free: each of 0, 1 has an instance'));
  await remove('i1');
  await create(specOf('i4'));
  await until('all have spoken', async () => (await logTail('i2')).length + (await logTail('i4')).length === 2);
  expect([...(await logTail('i1')), ...(await logTail('i2')), ...(await logTail('i4'))].map((line) => line.slice(0, 6))) //
    .toEqual(['gpu=0 ', 'gpu=1 ', 'gpu=0 ']);
  expect(told).not.toContain('i3 started');
});

it('starts no more than it may', async () => {
  const { create } = await openProvider({ GPU: settingsOf(STAYS, { maxInstances: 1 }) });
  await create(specOf('i1'));
  await expect(create(specOf('i2'))).rejects.toThrow('"max_instances"');
});

it('has no room for another until all processes of one that ends are gone', async () => {
  const { create, remove, roomFor } = await openProvider({ GPU: settingsOf(STAYS, { gpus: ['0'] }) });
  expect([roomFor('GPU'), roomFor('GPU', [specOf('i1')])]).toEqual([1, 0]);
  await create(specOf('i1'));
  expect(roomFor('GPU', [specOf('i1')])).toBe(0);
  const removed = remove('i1');
  expect(roomFor('GPU')).toBe(0);
  await removed;
  expect(roomFor('GPU')).toBe(1);
});

it('keeps the secrets of the service from it', async () => {
  process.env['COMFLEET_ADMIN_TOKEN'] = 'a secret';
  onTestFinished(() => void delete process.env['COMFLEET_ADMIN_TOKEN']);
  const { create, logTail } = await openProvider({ GPU: settingsOf(STAYS) });
  await create(specOf('i1'));
  await until('it has spoken', async () => (await logTail('i1')).length > 0);
  expect(await logTail('i1')).toEqual([expect.stringContaining('secret= ')]);
});

it.each([
  [
    'echo "No module named torch"; exit 1',
    'ended: the process ended with exit code 1; its last words: No module named torch',
  ],
  ['kill -9 $$', 'out_of_memory: the process was killed (SIGKILL), and not by comfleet'],
  ['exec /nowhere/python', 'not_started: the process ended with exit code 127'],
])('says how one ended: %s', async (script, words) => {
  const { create, told } = await openProvider({ GPU: settingsOf(script) });
  await create(specOf('i1'));
  await until('it is gone', () => told.length === 2);
  expect(told[1]).toContain(`i1 gone ${words}`);
});

it('hands on what is named, and of what programs need nothing that sounds secret', async () => {
  const given = { HF_HOME: '/models/hf', HF_TOKEN: 'named', NVIDIA_API_KEY: 'k', OTEL_EXPORTER_OTLP_HEADERS: 'h' };
  for (const [name, value] of Object.entries(given)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const envFrom = ['HF_TOKEN'];
  const { create, logTail, check } = await openProvider({
    GPU: settingsOf('env; echo all; sleep 1000 & wait', { envFrom }),
    UNSET: settingsOf(STAYS, { envFrom: ['NOT_SET_ANYWHERE'] }),
  });
  await create(specOf('i1'));
  const lines = await until('it said all', async () => {
    const found = await logTail('i1');
    return found.includes('all') && found.filter((line) => Object.keys(given).some((name) => line.startsWith(name)));
  });
  expect(lines.sort()).toEqual(['HF_HOME=/models/hf', 'HF_TOKEN=named']);
  const problem = 'the variable NOT_SET_ANYWHERE is not set: "env_from" in comfleet.config.json names it';
  expect(await check()).toEqual([{ sku: 'UNSET', says: problem }]);
});

it('refuses a folder that is not there, and says so when it is checked', async () => {
  const cwd = `/tmp/not-there-${crypto.randomUUID()}`;
  const { create, check, dataDir } = await openProvider({ GPU: settingsOf(STAYS, { cwd }) });
  await expect(create(specOf('i1'))).rejects.toThrow(`the folder ${cwd} is not there`);
  expect(await check()).toEqual([{ sku: 'GPU', says: expect.stringContaining(`the folder ${cwd} is not there`) }]);
  expect(readdirSync(dataDir)).toEqual([]);
});

it('leaves nothing running of one whose record finds no room on the disk', async () => {
  const { create, roomFor, told, dataDir } = await openProvider({ GPU: settingsOf(STAYS, { gpus: ['0'] }) });
  mkdirSync(join(dataDir, 'instances'));
  symlinkSync('/dev/full', join(dataDir, 'instances', 'i1.json')); // takes the empty record before the start, and no word after it
  await expect(create(specOf('i1'))).rejects.toThrow(/^it could not be started: ENOSPC/);
  expect(listMarked(INSTANCE_MARK, 'i1')).toEqual([]);
  expect([roomFor('GPU'), told]).toEqual([1, []]);
});

it('goes on after a crash, keeps the GPU, and tells of the end of what it did not start itself', async () => {
  const settings = { GPU: settingsOf(STAYS, { gpus: ['0'] }) };
  const before = await openProvider(settings);
  await before.create(specOf('i1'));
  const after = await openProvider(settings, before.dataDir);
  await expect(after.create(specOf('i2'))).rejects.toThrow('no GPU is free');
  process.kill(pidOf(after.dataDir, 'i1'), 'SIGKILL');
  await until('it is gone', () => after.told.length === 2);
  expect(after.told).toEqual(['i1 started', expect.stringContaining('i1 gone ended: the process ended')]);
  expect(listMarked(INSTANCE_MARK, 'i1')).toEqual([]);
});

it('ends what an unreadable record left', async () => {
  const before = await openProvider({ GPU: settingsOf(STAYS) });
  await before.create(specOf('i1'));
  const pid = pidOf(before.dataDir, 'i1');
  writeFileSync(join(before.dataDir, 'instances', 'i1.json'), '{"spec":');
  const after = await openProvider({ GPU: settingsOf(STAYS) }, before.dataDir);
  await until('it is ended', () => !isAlive(pid) && listMarked(INSTANCE_MARK, 'i1').length === 0);
  expect(after.told).toEqual([]);
});
