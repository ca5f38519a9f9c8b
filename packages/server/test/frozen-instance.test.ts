// An instance that stands still with its connections open, and goes on later with what was sent to it meanwhile.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator } from '@comfleet/emulator';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { type FrozenDoor, openFrozenDoor } from '../testing/frozen-door.ts';
import { SLOW } from '../testing/provoke.ts';
import { until } from '../testing/until.ts';

const dir = mkdtempSync(join(tmpdir(), 'comfleet-frozen-'));
const make = (name: string) => createEmulator({ baseDir: join(dir, name), nullExec: true });
const emulator = make('behind the door');
const other = make('other');
let door: FrozenDoor;
let app: TestApp;
let both: TestApp;

beforeAll(async () => {
  door = await openFrozenDoor((await emulator.start()).port);
  const { port } = await other.start();
  app = await createTestApp({ emulator: 'none', env: { COMFLEET_COMFYUI: door.url } });
  const urls = [door.url, `http://127.0.0.1:${port}`];
  both = await createTestApp({ emulator: 'none', env: { COMFLEET_COMFYUI: urls.join(',') } });
});
afterAll(async () => {
  door.thaw();
  await app.stop();
  await both.stop();
  await door.stop();
  await emulator.stop();
  await other.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function countReady(deploymentId: string): Promise<number> {
  const { body } = await both.call(`/deployments/${deploymentId}/instances`);
  const instances = body['data'] as { phase: string }[];
  return instances.filter(({ phase }) => phase === 'ready').length;
}

it('a prompt that was sent to it and cancelled meanwhile is taken off it when it goes on, and holds up nobody', async () => {
  const deploymentId = await app.createDeployment();
  expect(await app.run(deploymentId)).toMatchObject({ status: 'succeeded' });
  door.freeze();
  const requestId = await app.submit(deploymentId, SLOW);
  await app.untilStatus(deploymentId, requestId, 'in_progress');
  expect((await app.cancel(deploymentId, requestId)).status).toBe(202);
  expect(await app.untilEnded(deploymentId, requestId)).toMatchObject({ status: 'cancelled' });
  expect(emulator.executions()).toHaveLength(1);
  door.thaw();
  // It was on its way already, so it begins; its run would take a minute.
  await until('the end of what was left', () => emulator.executions()[1]?.outcome === 'interrupted');
  expect(await app.run(deploymentId)).toMatchObject({ status: 'succeeded' });
});

it('is given nothing more within 10 s, and work again as soon as it goes on', async () => {
  const deploymentId = await both.createDeployment(undefined, { max_instances: 2 });
  await until('both are ready', async () => (await countReady(deploymentId)) === 2);
  const ran = emulator.executions().length;
  const frozenAt = performance.now();
  door.freeze();
  await until('it is taken out of use', async () => (await countReady(deploymentId)) === 1);
  expect(performance.now() - frozenAt).toBeLessThan(10_000);
  for (let count = 0; count < 4; count += 1) {
    expect(await both.run(deploymentId)).toMatchObject({ status: 'succeeded' });
  }
  door.thaw();
  await until('it is in use again', async () => (await countReady(deploymentId)) === 2);
  expect(emulator.executions()).toHaveLength(ran);
});
