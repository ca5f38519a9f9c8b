// ComfyUI runs nothing twice: an identical run names the files of the one before. Callers get them as if it had run.
import type { JsonObject } from '@comfleet/comfyui';
import { afterEach, describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { useTestApp } from '../testing/create-test-app.ts';

const app = useTestApp({ emulator: 'executing' });
afterEach(() => app().emulator.faults.clear());

let color = 100;
/** PreviewImage has no prefix that would keep its runs apart. */
const preview = (size = 24): JsonObject => {
  color += 1;
  return {
    '1': { class_type: 'EmptyImage', inputs: { width: size, height: size, batch_size: 1, color } },
    '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
  };
};

interface Item {
  readonly url: string;
  readonly filename: string;
}

const itemOf = (result: JsonObject): Item | undefined =>
  (result['outputs'] as unknown as Record<string, { images: Item[] }>)['2']?.images[0];

async function bytesOf(result: JsonObject): Promise<Buffer> {
  const reply = await fetch(itemOf(result)?.url ?? '');
  expect(reply.status).toBe(200);
  return Buffer.from(await reply.arrayBuffer());
}

async function sourceOf(deploymentId: string, result: JsonObject) {
  const reply = await app().call(`/deployments/${deploymentId}/requests/${result['request_id']}`);
  expect(reply.status).toBe(200);
  return reply.body['cached'];
}

describe('an identical run', () => {
  it.each([
    ['small', 24],
    ['stored apart', 400],
  ])('gets the stored files of the earlier one, at addresses of its own (%s)', async (_, size) => {
    const deploymentId = await app().createDeployment(preview(size));
    const first = await app().run(deploymentId);
    // The instance has them no longer.
    app().emulator.faults.merge({ view: { status: 404 } });
    const again = await app().run(deploymentId);
    expect(again).toMatchObject({ status: 'succeeded' });
    expect(again).not.toHaveProperty('error');
    expect(itemOf(again)?.url).toContain(String(again['request_id']));
    expect(itemOf(again)?.filename).toBe(itemOf(first)?.filename);
    expect((await bytesOf(again)).equals(await bytesOf(first))).toBe(true);
    expect(await sourceOf(deploymentId, first)).toBeUndefined();
    expect(await sourceOf(deploymentId, again)).toEqual({ request_id: first['request_id'] });
  });

  it('is a plain success when the files are still on the instance, and says whose they are', async () => {
    const deploymentId = await app().createDeployment(preview());
    const first = await app().run(deploymentId);
    const again = await app().run(deploymentId);
    expect(again).not.toHaveProperty('error');
    expect((await bytesOf(again)).equals(await bytesOf(first))).toBe(true);
    expect(await sourceOf(deploymentId, again)).toEqual({ request_id: first['request_id'] });
    // The one that wrote them, not one that was given them.
    expect(await sourceOf(deploymentId, await app().run(deploymentId))).toEqual({ request_id: first['request_id'] });
  });

  it('gets 200001 with the old names and no address when the files are gone everywhere', async () => {
    const deploymentId = await app().createDeployment(preview());
    const first = await app().run(deploymentId);
    await app().db.query(sql`delete from request_files where request_id = ${String(first['request_id'])}`);
    app().emulator.faults.merge({ view: { status: 404 } });
    const result = await app().run(deploymentId);
    expect(result).toMatchObject({
      status: 'succeeded',
      error: [
        {
          error: 'ExecutionWithoutNewYield',
          errorCode: 200001,
          details: expect.stringContaining('node 2'),
          debugInfo: expect.any(String),
        },
      ],
    });
    expect(itemOf(result)?.filename).toBe(itemOf(first)?.filename);
    expect(itemOf(result)).not.toHaveProperty('url');
  });

  it('of another account gets none of its files', async () => {
    const graph = preview();
    await app().run(await app().createDeployment(graph));
    app().emulator.faults.merge({ view: { status: 404 } });
    const token = await app().addAccount();
    const post = async (path: string, body: JsonObject) =>
      (await app().call(path, { method: 'POST', body, token })).body;
    const workflow = await post('/workflows', { name: 'theirs' });
    const version = await post(`/workflows/${workflow['id']}/versions`, { workflow_api_json: graph });
    const names = { name: 'theirs', workflow_id: String(workflow['id']), workflow_version: String(version['version']) };
    const deploymentId = String((await post('/deployments', names))['id']);
    const requestId = await app().submit(deploymentId, {}, { token });
    const result = await app().untilEnded(deploymentId, requestId, { token });
    expect(result).toMatchObject({ status: 'succeeded', error: [{ errorCode: 200001 }] });
  });
});
