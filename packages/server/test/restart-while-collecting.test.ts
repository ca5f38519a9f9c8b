import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, QUICK_WATCH, type TestApp } from '../testing/create-test-app.ts';

const graph = {
  '1': { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color: 255 } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'blue' } },
};

// The first run loads the image library.
const SLOWLY = { timeout: 15_000 };

let app: TestApp;
beforeAll(async () => {
  // And may take long for it on a busy machine, once more after each restart: that is no dead worker.
  const watchTimes = { ...QUICK_WATCH, workerDeadMs: 60_000 };
  app = await createTestApp({ emulator: 'executing', overrides: { watchTimes } });
});
afterAll(async () => await app.stop());

/** The run is over and its file is on its way, one byte a second. */
async function untilCollecting(deploymentId: string): Promise<string> {
  app.emulator.faults.merge({ view: { bytesPerSecond: 1 } });
  const requestId = await app.submit(deploymentId);
  await expect.poll(() => app.emulator.executions().at(-1)?.outcome, SLOWLY).toBe('success');
  return requestId;
}

/** Each run is written down with its graph, whose file prefix names the request. */
const countRuns = (requestId: string) =>
  readFileSync(app.executionsFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"outcome": "running"') && line.includes(requestId)).length;

describe('an instance that is restarted while a result is fetched from it', () => {
  it('gives the result from the files it still has, without a second run', async () => {
    const deploymentId = await app.createDeployment(graph);
    const requestId = await untilCollecting(deploymentId);
    await app.stopEmulator();
    await app.startEmulator();
    expect(await app.untilEnded(deploymentId, requestId)).toMatchObject({ status: 'succeeded' });
    expect(countRuns(requestId)).toBe(1);
  });

  it('runs the request again when it has the files no more', async () => {
    const deploymentId = await app.createDeployment(graph);
    const requestId = await untilCollecting(deploymentId);
    await app.stopEmulator();
    rmSync(join(app.dataDir, 'comfyui', 'output'), { recursive: true });
    await app.startEmulator();
    expect(await app.untilEnded(deploymentId, requestId)).toMatchObject({ status: 'succeeded' });
    expect(countRuns(requestId)).toBe(2);
  });
});
