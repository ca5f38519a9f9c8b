// Two instances of different speed behind one deployment.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator } from '@comfleet/emulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';

const SLOW_MS = 2_500;

describe('two instances', () => {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-two-'));
  const make = (name: string, serviceMs: number) =>
    createEmulator({ baseDir: join(dir, name), nullExec: true, faults: { serviceMs } });
  const slow = make('slow', SLOW_MS);
  const fast = make('fast', 50);
  let app: TestApp;
  let urls: string[];

  beforeAll(async () => {
    const ports = [(await slow.start()).port, (await fast.start()).port];
    urls = ports.map((port) => `http://127.0.0.1:${port}`);
    app = await createTestApp({ emulator: 'none', env: { COMFLEET_COMFYUI: urls.join(',') } });
  });
  afterAll(async () => {
    await app.stop();
    await slow.stop();
    await fast.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('the idle one takes what was given ahead to the busy one and not sent yet', async () => {
    const deploymentId = await app.createDeployment(undefined, { max_instances: 2 });
    const startedAt = performance.now();
    const ids: string[] = [];
    for (let n = 0; n < 4; n += 1) ids.push(await app.submit(deploymentId));
    const results = await Promise.all(ids.map((id) => app.untilEnded(deploymentId, id)));
    expect(results.map((result) => result['status'])).toEqual(Array(4).fill('succeeded'));
    const counts = new Map<unknown, number>();
    for (const { instance_id: id } of results) counts.set(id, (counts.get(id) ?? 0) + 1);
    // One on the slow instance; everything else where there was room.
    expect([...counts.values()].sort()).toEqual([1, 3]);
    expect(performance.now() - startedAt).toBeLessThan(SLOW_MS * 1.8);
  });

  it('are not both used by a deployment that may have one', async () => {
    slow.faults.merge({ serviceMs: 50 });
    const deploymentId = await app.createDeployment(undefined, { max_instances: 1 });
    const ids = [await app.submit(deploymentId), await app.submit(deploymentId), await app.submit(deploymentId)];
    const results = await Promise.all(ids.map((id) => app.untilEnded(deploymentId, id)));
    expect(new Set(results.map((result) => result['instance_id'])).size).toBe(1);
  });

  it('are told of, when the one was idle and the other one was taken', async () => {
    const deploymentId = await app.createDeployment(undefined, { max_instances: 1 });
    const long = { extra_data: { emulator: { serviceMs: 60_000 } } };
    const ids = [await app.submit(deploymentId, long), await app.submit(deploymentId, long)];
    const why = async () => {
      const replies = await Promise.all(ids.map((id) => app.call(`/deployments/${deploymentId}/requests/${id}`)));
      return replies.map(({ body }) => String(body['why']));
    };
    const told = [
      expect.not.stringContaining('before it there'),
      expect.stringMatching(/One request was before it there: .* \(max_instances\), and this was one of them\./),
    ];
    expect(await why()).toEqual(told);
    for (const id of [...ids].reverse()) await app.cancel(deploymentId, id);
    await Promise.all(ids.map((id) => app.untilEnded(deploymentId, id)));
    expect(await why()).toEqual(told);
  });
});
