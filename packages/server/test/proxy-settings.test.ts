// The instance proxy as an operator set it up: paths opened and closed, bodies capped, billing on.
import { request } from 'node:http';
import { expect, it } from 'vitest';
import { type CallOptions, PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';

const getApp = useTestApp({
  env: {
    COMFLEET_PROXY_ALLOW: '+GET extensions,+POST models/*,-POST free',
    COMFLEET_PROXY_BODY_LIMIT_BYTES: '1024',
    COMFLEET_BILLING: 'on',
  },
});

async function findBase(): Promise<string> {
  const app = getApp();
  const id = await app.createDeployment();
  const [instance] = (await app.call(`/deployments/${id}/instances`)).body['data'] as unknown as [{ id: string }];
  return `/deployments/${id}/instances/${instance.id}/proxy`;
}

async function open() {
  const base = await findBase();
  return (path: string, options: CallOptions = {}) => getApp().call(`${base}/${path}`, options);
}

it('opens what was added, closes what was taken away, and goes on with the rest', async () => {
  const proxy = await open();
  expect((await proxy('extensions')).status).not.toBe(403);
  expectError(await proxy('free', { method: 'POST', body: {} }), 403003);
  expect((await proxy('models')).status).toBe(200);
  expectError(await proxy('userdata'), 403003);
});

it('passes no body above the cap, whether its length is told or not', async () => {
  const proxy = await open();
  expectError(await proxy('models/x', { method: 'POST', body: 'x'.repeat(2_000) }), 413001);
  const { hostname, port } = new URL(getApp().url);
  const headers = { authorization: `Bearer ${getApp().token}` };
  const path = `/prod/v2${await findBase()}/models/x`;
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const call = request({ hostname, port, method: 'POST', path, headers });
    call.once('response', (answer) => resolve(answer.statusCode)).once('error', reject);
    call.write('x'.repeat(600));
    setImmediate(() => call.end('x'.repeat(1_400)));
  });
  expect(status).toBe(413);
  expectError(await proxy('object_info'), 413001);
});

it('takes no prompts while runs are billed: only requests are charged', async () => {
  const proxy = await open();
  expectError(await proxy('prompt', { method: 'POST', body: { prompt: PICTURE } }), 403003);
  expect((await proxy('prompt')).status).toBe(200);
});
