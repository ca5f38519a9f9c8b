// A SKU of the configuration whose instances are processes of this machine: from zero with the first request, and back.
// With COMFYUI_COMMAND, a command line as JSON, of a real ComfyUI too: `["/home/me/start.sh","{port}","{base_dir}"]`.
// routes: listHardware
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@comfleet/comfyui';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WATCH_TIMES } from '../src/execution/watch.ts';
import type { Log } from '../src/telemetry/log.ts';
import { PICTURE } from '../testing/caller.ts';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { until } from '../testing/until.ts';

const main = fileURLToPath(new URL('../../emulator/src/main.ts', import.meta.url));
const EMULATOR = [process.execPath, '--import', 'tsx', main, '--port', '{port}', '--base-dir', '{base_dir}'];
const ofRealOne = process.env['COMFYUI_COMMAND'];
const COMMANDS: [string, string[]][] = [
  ['the emulator', EMULATOR],
  ...(ofRealOne === undefined ? [] : ([['a real ComfyUI', JSON.parse(ofRealOne)]] as [string, string[]][])),
];
/** A real one takes its time. */
const PATIENCE = { timeout: 60_000, interval: 20 };

const SKU = { gpu: 'none', vram_gb: 8, ram_gb: 8, vcpus: 2, price_per_hour_usd: 3.6, provider: 'process' };

async function open(command: string[], log?: Log): Promise<TestApp> {
  const skus = [
    { ...SKU, sku: 'OWN', process: { command } },
    { ...SKU, sku: 'WELL', process: { command: EMULATOR } },
    { ...SKU, sku: 'FIXED', provider: 'static', urls: ['http://127.0.0.1:9'] },
  ];
  const app = await createTestApp({
    configFile: { hardware: skus },
    overrides: { watchTimes: WATCH_TIMES, ...(log && { log }) },
  });
  onTestFinished(() => app.stop());
  return app;
}

async function deploy(app: TestApp): Promise<string> {
  const object_info = JSON.parse(await (await fetch(`${app.emulatorUrl}/object_info`)).text());
  const { workflowId, version } = await app.saveWorkflow(PICTURE, { object_info });
  const names = { name: 'own', workflow_id: workflowId, workflow_version: version };
  const body = { ...names, hardware: ['OWN'], max_instances: 2, keep_warm_duration_in_seconds: 1 };
  const reply = await app.call('/deployments', { method: 'POST', body });
  expect(reply.status, reply.text).toBe(200);
  return String(reply.body['id']);
}

const instancesOf = async (app: TestApp, id: string) =>
  (await app.call(`/deployments/${id}/instances`)).body['data'] as unknown as JsonObject[];

function listPids(app: TestApp): number[] {
  const dir = join(app.dataDir, 'instances');
  const names = readdirSync(dir).filter((name) => name.endsWith('.json'));
  return names.map((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')).pid);
}

describe.each(COMMANDS)('processes of %s', (_name, command) => {
  it('are started for the first request, serve it, and are gone after keep-warm', {
    timeout: 3 * PATIENCE.timeout,
  }, async () => {
    const app = await open(command);
    const id = await deploy(app);
    expect(await instancesOf(app, id)).toEqual([]);
    const requestId = await app.submit(id);
    const isReady = async () => (await instancesOf(app, id)).find(({ phase }) => phase === 'ready');
    const ready = await vi.waitUntil(isReady, PATIENCE);
    const [pid = 0] = listPids(app);
    const result = await vi.waitUntil(async () => {
      const { body } = await app.call(`/deployments/${id}/requests/${requestId}/result`);
      return body['status'] === 'succeeded' ? body : undefined;
    }, PATIENCE);
    expect(result).toMatchObject({ instance_id: ready['id'], outputs: expect.anything() });
    await vi.waitUntil(async () => (await instancesOf(app, id)).length === 0, PATIENCE);
    expect(listPids(app)).toEqual([]);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

it('hardware whose program is not there says so before the first request: in the log, the list, the deployment', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const app = await open(['/nowhere/comfyui'], log);
  const hardware = async (name: string) => {
    const list = (await app.call('/hardware')).body['data'] as unknown as JsonObject[];
    return list.find(({ sku }) => sku === name);
  };
  const words = '/nowhere/comfyui cannot be run: it is not there';
  await until('the start says it', () => lines.some((line) => line.includes(`hardware OWN: ${words}`)));
  const reason = expect.stringContaining(words);
  expect(await hardware('OWN')).toMatchObject({ provider: 'process', is_available: false, reason });
  expect(await hardware('WELL')).toMatchObject({ provider: 'process', is_available: true });
  expect(await hardware('FIXED')).toMatchObject({
    provider: 'static',
    is_available: false,
    reason: 'no ComfyUI that could run it answers',
  });
  expect(await hardware('TURING_16')).toMatchObject({ is_available: true });

  const id = await deploy(app);
  const deployment = (await app.call(`/deployments/${id}?includes=status_reason`)).body;
  expect(deployment).toMatchObject({ status: 'error', status_reason: reason });
  expect((await app.call(`/deployments/${id}`)).body).not.toHaveProperty('status_reason');
  const preflight = (await app.call(`/deployments/${id}/preflight`)).body;
  expect(preflight).toMatchObject({ ok: false, hardware_problem: expect.stringContaining(`OWN: ${words}`) });
});
