// The whole service with its files in a bucket: what is completed is there and readable, and a storage that is away is
// waited for, then named.
import { createHash } from 'node:crypto';
import type { JsonObject } from '@comfleet/comfyui';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { openS3Store } from '../src/files/stores/s3.ts';
import { PHOTO } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, expectFailed } from '../testing/expect-error.ts';
import { S3_CREDENTIALS, startS3Server } from '../testing/s3-server.ts';
import { until } from '../testing/until.ts';

const server = await startS3Server();
const storage = await openS3Store(
  { kind: 's3', bucket: server.bucket, prefix: 'a/', region: 'us-east-1', endpoint: server.url, pathStyle: true },
  { credentials: S3_CREDENTIALS, maxAttempts: 1 },
);
const app = useTestApp({
  emulator: 'executing',
  // Large enough for the storage: smaller ones are kept with their rows.
  faults: { outputBytes: { bytes: 100_000, seed: 1 } },
  overrides: { storage, storagePatienceMs: 1_500 },
});
afterAll(() => server.close());
beforeEach(() => {
  server.faults.length = 0;
  server.asked.length = 0;
});

const DOWN = { status: 503, code: 'ServiceUnavailable' };
const FULL = { status: 507, code: 'XMinioStorageFull' };
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

const ANOTHER_PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgZGIGAAAOAAfXb+R4AAAAAElFTkSuQmCC';
const THIRD_PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYWUDAAAgABC75asMAAAAAElFTkSuQmCC';

const graph = (color: number): JsonObject => ({
  '1': { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'large' } },
});

function urlOf(result: JsonObject): string {
  const outputs = result['outputs'] as unknown as Record<string, { images: JsonObject[] }>;
  return String(outputs['2']?.images[0]?.['url']);
}

it('a result is in the bucket before it is told, and is read whole and in part', async () => {
  const result = await app().run(await app().createDeployment(graph(1)));
  expect(result).toMatchObject({ status: 'succeeded' });
  expect([...server.store.objects.keys()]).toEqual([expect.stringMatching(`^a/out-${result['request_id']}-`)]);
  const whole = await fetch(urlOf(result));
  const bytes = Buffer.from(await whole.arrayBuffer());
  expect(whole.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
  const part = await fetch(urlOf(result), { headers: { range: 'bytes=100-199' } });
  expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 100-199/${bytes.length}`]);
  expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(100, 200))).toBe(true);
  server.faults.push({ operation: 'get', how: 'truncate', times: 1 });
  expect(Buffer.from(await (await fetch(urlOf(result))).arrayBuffer()).equals(bytes)).toBe(true);
});

it.each([{ how: DOWN }, { how: FULL }, { how: 'lose' }, { how: 'wrong-etag' }, { how: 'reset' }] as const)(
  'a storage that fails (%j) when the run is over is asked again until the bytes are there',
  async ({ how }) => {
    server.faults.push({ operation: 'put', how, times: 2 });
    const result = await app().run(await app().createDeployment(graph(2 + server.store.objects.size)));
    expect(result).toMatchObject({ status: 'succeeded' });
    expect((await fetch(urlOf(result))).status).toBe(200);
    expect(server.asked.filter((each) => each === 'put')).toHaveLength(3);
  },
);

it('a storage that stays away fails the request by name, and the next one succeeds once it is back', async () => {
  const fault = { operation: 'put', how: DOWN, times: 99 } as const;
  server.faults.push({ ...fault });
  const deploymentId = await app().createDeployment(graph(100));
  const entry = expectFailed(await app().run(deploymentId), 10006);
  expect(entry['details']).toContain('[s3]');
  server.faults.length = 0;
  expect(await app().run(deploymentId)).toMatchObject({ status: 'succeeded' });
});

it('an input is refused with 503001 while the storage is full or away', async () => {
  const deploymentId = await app().createDeployment(PHOTO);
  const body = { overrides: { '1': { inputs: { image: `data:image/png;base64,${PIXEL}` } } } };
  server.faults.push({ operation: 'put', how: FULL, times: 1 }, { operation: 'put', how: DOWN, times: 99 });
  const path = `/deployments/${deploymentId}/inference`;
  expect(expectError(await app().call(path, { method: 'POST', body }), 503001).message).toContain('no room left');
  const reply = await app().call(path, { method: 'POST', body });
  expect(expectError(reply, 503001).message).toContain('file storage');
  server.faults.length = 0;
  expect(await app().run(deploymentId, body)).toMatchObject({ status: 'succeeded' });
  await until('the input is in the bucket', () =>
    [...server.store.objects.keys()].some((key) => key.startsWith('a/in-')),
  );
});

it('a download of an object that is gone is 404, and 503001 while the storage is away', async () => {
  const result = await app().run(await app().createDeployment(graph(101)));
  const path = `/${new URL(urlOf(result)).pathname}`;
  server.faults.push({ operation: 'get', how: DOWN, times: 99 });
  expectError(await app().call(path), 503001);
  server.faults.length = 0;
  server.store.objects.clear();
  expectError(await app().call(path), 404001);
});

it('an input that is in the bucket is waited for while the storage is away', async () => {
  const deploymentId = await app().createDeployment(PHOTO);
  const body = { overrides: { '1': { inputs: { image: `data:image/png;base64,${ANOTHER_PIXEL}` } } } };
  server.faults.push({ operation: 'get', how: 'reset', times: 2 });
  expect(await app().run(deploymentId, body)).toMatchObject({ status: 'succeeded' });
  expect(server.faults).toMatchObject([{ times: 0 }]);
});

it('an input that stays out of reach fails the request by name', async () => {
  const deploymentId = await app().createDeployment(PHOTO);
  const body = { overrides: { '1': { inputs: { image: `data:image/png;base64,${THIRD_PIXEL}` } } } };
  server.faults.push({ operation: 'get', how: DOWN, times: 99 });
  const entry = expectFailed(await app().run(deploymentId, body), 10004);
  expect(entry['details']).toMatch(/could not be used for too long \(\[s3\]/);
});
