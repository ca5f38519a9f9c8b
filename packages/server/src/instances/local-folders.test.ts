import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createComfyClient } from '@comfleet/comfyui';
import { createEmulator } from '@comfleet/emulator';
import { expect, it, onTestFinished } from 'vitest';
import { createLog } from '../telemetry/log.ts';
import type { Instance } from './fleet.ts';
import { findFolders } from './local-folders.ts';

it.each([
  ['that says where its folders are', false],
  ['that does not say', true],
])('the output folder of a neighbour %s', async (_name, hidesFolders) => {
  const baseDir = mkdtempSync(join(tmpdir(), 'comfleet-neighbour-'));
  const emulator = createEmulator({ baseDir, hidesFolders });
  const baseUrl = `http://127.0.0.1:${(await emulator.start()).port}`;
  onTestFinished(async () => {
    await emulator.stop();
    rmSync(baseDir, { recursive: true });
  });
  const instance = { id: 'i', connection: { baseUrl, client: createComfyClient({ baseUrl }) } } as unknown as Instance;
  await findFolders(createLog('silent'), instance);
  const found = { output: join(baseDir, 'output'), temp: undefined, isOwn: false };
  expect(instance.folders).toEqual(hidesFolders ? undefined : found);
});
