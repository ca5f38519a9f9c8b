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
const emulator = createEmulator({ baseDir: dir, nullExec: true });
let door: FrozenDoor;
let app: TestApp;

beforeAll(async () => {
  door = await openFrozenDoor((await emulator.start()).port);
  app = await createTestApp({ emulator: 'none', env: { COMFLEET_COMFYUI: door.url } });
});
afterAll(async () => {
  door.thaw();
  await app.stop();
  await door.stop();
  await emulator.stop();
  rmSync(dir, { recursive: true, force: true });
});

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
