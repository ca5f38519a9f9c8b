// The main walk: a graph is saved, deployed, submitted, run, and its picture downloaded.
// routes: createWorkflow, saveVersion, createDeployment, submitRequest, getRequestStatus, getRequestResult, getFile
import { describe, expect, it } from 'vitest';
import { PHOTO, PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';

const shared = useTestApp();

describe('a request on a back end that executes', () => {
  const app = useTestApp({ emulator: 'executing' });

  it('ends with a picture that can be downloaded', async () => {
    const deploymentId = await app().createDeployment(PHOTO);
    const result = await app().run(deploymentId);
    expect(result).toMatchObject({ status: 'succeeded' });
    const outputs = result['outputs'] as Record<string, { images: Record<string, string>[] }>;
    const image = outputs['3']?.images[0];
    expect(image).toMatchObject({ filename: 'photo_00001_.png', subfolder: '', type: 'output' });
    const file = await fetch(String(image?.['url']));
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(
      Buffer.from(await file.arrayBuffer())
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
  });
});

describe('a request', () => {
  it.each(['v1', 'v2'] as const)('answers every step under %s with the words of that version', async (version) => {
    const deploymentId = await shared().createDeployment(PICTURE);
    const reply = await shared().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body: {}, version });
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body).sort()).toEqual(['cancel_url', 'request_id', 'result_url', 'status_url']);
    const requestId = String(reply.body['request_id']);
    const base = `${shared().url}/prod/${version}/deployments/${deploymentId}/requests/${requestId}`;
    expect(reply.body).toEqual({
      request_id: requestId,
      status_url: `${base}/status`,
      result_url: `${base}/result`,
      cancel_url: `${base}/cancel`,
    });
    const result = await shared().untilEnded(deploymentId, requestId, { version });
    expect(result).toMatchObject({ request_id: requestId, status: 'succeeded' });
    const status = await shared().status(deploymentId, requestId, { version });
    expect(status.body).toEqual({
      request_id: requestId,
      status: 'completed',
      status_url: `${base}/status`,
      result_url: `${base}/result`,
      instance_id: result['instance_id'],
    });
  });
});
