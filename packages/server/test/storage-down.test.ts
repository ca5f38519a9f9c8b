// While the folder of the files cannot be used: calls that need it get 503001, all others go on.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@comfleet/comfyui';
import { afterEach, expect, it } from 'vitest';
import { PHOTO } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';

const app = useTestApp({ emulator: 'executing' });
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

const folder = () => join(app().dataDir, 'files');
let isAway = false;

function takeAway() {
  renameSync(folder(), `${folder()}-away`);
  writeFileSync(folder(), 'no folder');
  isAway = true;
}

function bringBack() {
  if (!isAway) return;
  rmSync(folder());
  renameSync(`${folder()}-away`, folder());
  isAway = false;
}

afterEach(bringBack);

it('a submit with a data URI gets 503001 with Retry-After, and is taken once the storage is back', async () => {
  const deploymentId = await app().createDeployment(PHOTO);
  const body = { overrides: { '1': { inputs: { image: `data:image/png;base64,${PIXEL}` } } } };
  const path = `/deployments/${deploymentId}/inference`;
  takeAway();
  const reply = await app().call(path, { method: 'POST', body });
  expect(expectError(reply, 503001).message).toContain('file storage');
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await app().call(`/deployments/${deploymentId}/requests`)).body['data']).toEqual([]);
  bringBack();
  expect(await app().run(deploymentId, body)).toMatchObject({ status: 'succeeded' });
});

it('a download gets 503001, and the file once the storage is back', async () => {
  const graph = {
    '1': { class_type: 'EmptyImage', inputs: { width: 4096, height: 4096, batch_size: 1, color: 255 } },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'large' } },
  };
  const result = await app().run(await app().createDeployment(graph));
  const outputs = result['outputs'] as unknown as Record<string, { images: JsonObject[] }>;
  const path = `/${new URL(String(outputs['2']?.images[0]?.['url'])).pathname}`;
  takeAway();
  expectError(await app().call(path), 503001);
  bringBack();
  expect((await app().call(path)).status).toBe(200);
});
