// The rules of the contract that keep existing clients working, where no other test here has them: strict keys, URLs,
// words, paths, headers, exact numbers.
// routes: submitRequest, getRequestStatus, getRequestResult, cancelRequest, listDeployments, createDeployment
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { JsonObject } from '@comfleet/comfyui';
import { afterEach, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, type TestApp, useTestApp } from '../testing/create-test-app.ts';
import { expectError, INSTANT } from '../testing/expect-error.ts';
import { SAMPLED, SAMPLER_CLASSES } from '../testing/node-classes.ts';
import { until } from '../testing/until.ts';

const app = useTestApp({ extraObjectInfo: SAMPLER_CLASSES });
const SLOW = { extra_data: { emulator: { serviceMs: 60_000 } } };
const VERSIONS = ['v1', 'v2'] as const;

afterEach(() => app().cancelAll());

describe.each(VERSIONS)('under %s', (version) => {
  it('a waiting, a running and a finished request show exactly their fields', async () => {
    const deploymentId = await app().createDeployment();
    const running = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, running, 'in_progress');
    const waiting = await app().submit(deploymentId);
    const base = (id: string) => `${app().url}/prod/${version}/deployments/${deploymentId}/requests/${id}`;
    const urls = (id: string) => ({ status_url: `${base(id)}/status`, result_url: `${base(id)}/result` });
    const instance_id = await findInstanceId();
    expect((await app().status(deploymentId, waiting, { version })).body).toEqual({
      request_id: waiting,
      status: 'in_queue',
      ...urls(waiting),
      queue_position: 1,
    });
    expect((await app().status(deploymentId, running, { version })).body).toEqual({
      request_id: running,
      status: 'in_progress',
      ...urls(running),
      instance_id,
    });
    const created_at = expect.stringMatching(INSTANT);
    expect((await app().result(deploymentId, waiting, { version })).body).toEqual({
      request_id: waiting,
      status: 'in_queue',
      created_at,
    });
    expect((await app().result(deploymentId, running, { version })).body).toEqual({
      request_id: running,
      status: 'in_progress',
      created_at,
      instance_id,
    });
    const word = version === 'v1' ? 'canceled' : 'cancelled';
    await app().cancel(deploymentId, running, { version });
    const cancelled = await app().untilEnded(deploymentId, running, { version });
    const finished_at = expect.stringMatching(INSTANT);
    expect(cancelled).toEqual({ request_id: running, status: word, created_at, finished_at, instance_id });
    expect((await app().status(deploymentId, running, { version })).body).toMatchObject({ status: word });
    const succeeded = await app().untilEnded(deploymentId, waiting, { version });
    expect(succeeded).toEqual({
      request_id: waiting,
      status: 'succeeded',
      created_at,
      finished_at,
      instance_id,
      outputs: { '2': { images: [expect.objectContaining({ filename: expect.any(String), subfolder: 'pictures' })] } },
    });
  });

  it('every position in the queue is told, 1 being the next to run', async () => {
    const deploymentId = await app().createDeployment();
    const first = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, first, 'in_progress');
    const waiting: string[] = [];
    for (let count = 0; count < 4; count += 1) waiting.push(await app().submit(deploymentId));
    const positions: unknown[] = [];
    for (const id of waiting)
      positions.push((await app().status(deploymentId, id, { version })).body['queue_position']);
    expect(positions).toEqual([1, 2, 3, 4]);
    await app().cancel(deploymentId, first);
    for (const id of waiting) await app().untilEnded(deploymentId, id);
  });

  it('a list of deployments is a bare array, with or without a slash at its end, and never a redirect', async () => {
    const deploymentId = await app().createDeployment();
    for (const path of ['/deployments', '/deployments/', `/deployments?ids=${deploymentId}`]) {
      const reply = await app().call(path, { version });
      expect(reply.status).toBe(200);
      expect(Array.isArray(reply.body)).toBe(true);
      expect(reply.text).toContain(deploymentId);
    }
    const reply = await app().call(`/deployments/${deploymentId}/inference/`, { method: 'POST', body: {}, version });
    expect([reply.status, Object.keys(reply.body)]).toEqual([200, expect.arrayContaining(['request_id'])]);
    const requestId = String(reply.body['request_id']);
    expect((await app().call(`/deployments/${deploymentId}/requests/${requestId}/status/`, { version })).status).toBe(
      200,
    );
    await app().untilEnded(deploymentId, requestId);
  });
});

describe('instance_id', () => {
  it('is left out of status for the one strict client, and only for it', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId);
    await app().untilEnded(deploymentId, requestId);
    const keysFor = async (accept: string) =>
      Object.keys((await app().status(deploymentId, requestId, { headers: { accept } })).body);
    expect(await keysFor('application/json; charset=UTF-8')).not.toContain('instance_id');
    for (const accept of ['application/json', 'application/json; charset=utf-8', '*/*']) {
      expect(await keysFor(accept)).toContain('instance_id');
    }
    const result = await app().result(deploymentId, requestId, {
      headers: { accept: 'application/json; charset=UTF-8' },
    });
    expect(Object.keys(result.body)).toContain('instance_id');
  });
});

describe('success bodies', () => {
  it('have no error_code and no null', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId);
    await app().untilEnded(deploymentId, requestId);
    for (const path of [
      '/deployments',
      `/deployments/${deploymentId}`,
      `/deployments/${deploymentId}?includes=payload&includes=readme`,
      `/deployments/${deploymentId}/requests/${requestId}/status`,
      `/deployments/${deploymentId}/requests/${requestId}/result`,
      '/workflows',
      '/account',
      '/hardware',
    ]) {
      const reply = await app().call(path);
      expect([path, reply.status]).toEqual([path, 200]);
      expect(reply.text).not.toMatch(/"error_code"|:null/);
    }
  });
});

describe('numbers', () => {
  it('arrive at ComfyUI as they were written, however large or small', async () => {
    const deploymentId = await app().createDeployment(SAMPLED);
    for (const [seed, cfg] of [
      ['18446744073709551615', '7.0'],
      ['9007199254740993', '1e1'],
      ['0', '0.10000000000000000555'],
    ]) {
      const body = `{"overrides":{"3":{"inputs":{"seed":${seed},"cfg":${cfg}}}}}`;
      expect(await app().run(deploymentId, body)).toMatchObject({ status: 'succeeded' });
      const lines = readFileSync(app().executionsFile, 'utf8').trim().split('\n');
      expect(lines.at(-2)).toMatch(new RegExp(`"seed": ${seed}[,}]`));
    }
  });

  it('in a saved graph and in an inline graph stay exact as well', async () => {
    const graph = JSON.stringify(SAMPLED).replace('"seed":1,', '"seed":18446744073709551615,');
    const workflow = await app().call('/workflows', { method: 'POST', body: { name: 'w' } });
    const path = `/workflows/${workflow.body['id']}/versions`;
    const saved = await app().call(path, { method: 'POST', body: `{"workflow_api_json":${graph}}` });
    expect(saved.status).toBe(200);
    expect((await app().call(`${path}/v1`)).text).toContain('"seed":18446744073709551615');
    const deploymentId = await app().createDeployment(SAMPLED);
    await app().run(deploymentId, `{"workflow_api_json":${graph}}`);
    const lines = readFileSync(app().executionsFile, 'utf8').trim().split('\n');
    expect(lines.at(-2)).toContain('"seed": 18446744073709551615');
  });
});

describe('the graph that reaches ComfyUI', () => {
  it('has compound node ids, and no node that no output needs', async () => {
    const graph = { ...SAMPLED, '77': { class_type: 'PrimitiveInt', inputs: { value: 1 } } };
    const deploymentId = await app().createDeployment(graph);
    const body = { overrides: { '38:42': { inputs: { filename_prefix: 'dogs/dog' } } } };
    const result = await app().run(deploymentId, body);
    expect(result['outputs']).toMatchObject({ '38:42': { images: [{ subfolder: 'dogs' }] } });
    const line = readFileSync(app().executionsFile, 'utf8').trim().split('\n').at(-2) ?? '{}';
    const { prompt } = JSON.parse(line) as { prompt: JsonObject };
    expect(Object.keys(prompt).sort()).toEqual(['3', '38:42']);
    const saved = prompt['38:42'] as { inputs: { filename_prefix: string } };
    expect(saved.inputs.filename_prefix).toBe(`${result['request_id']}/dogs/dog`);
  });
});

describe('URLs in answers', () => {
  const proxied = useTestApp({
    env: { COMFLEET_TRUSTED_PROXIES: '127.0.0.0/8', COMFLEET_ALLOWED_HOSTS: 'api.example.org' },
  });
  const published = useTestApp({ env: { COMFLEET_PUBLIC_URL: 'https://comfy.example.org/' } });

  it('come from the Host header when it is loopback or on the allow-list, and from nothing else', async () => {
    const port = new URL(app().url).port;
    expect(await submitWithHost(app(), { host: `localhost:${port}` })).toContain(`http://localhost:${port}/prod/v2/`);
    const refused = await submitWithHost(app(), { host: 'evil.example.org' });
    expect(refused).toContain('host_not_allowed');
    for (const host of ['evil.example.org:80', 'localhost.evil.org', '127.0.0.1.evil.org', 'a@b', 'localhost:1/..']) {
      expect(await submitWithHost(app(), { host })).toContain('host_not_allowed');
    }
    expect(await submitWithHost(proxied(), { host: 'API.example.org' })).toContain('http://API.example.org/prod/v2/');
  });

  it('follow X-Forwarded-* of a trusted proxy only', async () => {
    const forwarded = { 'x-forwarded-host': 'api.example.org', 'x-forwarded-proto': 'https' };
    expect(await submitWithHost(app(), forwarded)).toContain(`${app().url}/prod/v2/`);
    expect(await submitWithHost(proxied(), forwarded)).toContain('https://api.example.org/prod/v2/');
    const evil = { 'x-forwarded-host': 'evil.example.org', 'x-forwarded-proto': 'https' };
    expect(await submitWithHost(proxied(), evil)).toContain('host_not_allowed');
  });

  it('begin with the configured public URL, files included, whatever the Host says', async () => {
    const deploymentId = await published().createDeployment();
    const text = await submitWithHost(published(), { host: 'evil.example.org' }, deploymentId);
    expect(text).toContain('https://comfy.example.org/prod/v2/deployments/');
    const result = await published().run(deploymentId);
    expect(JSON.stringify(result)).toContain(
      `"url":"https://comfy.example.org/deployment_requests/${result['request_id']}/output/pictures/one_`,
    );
    expect(JSON.stringify(result)).not.toContain('127.0.0.1');
  });

  async function submitWithHost(
    service: TestApp,
    headers: Record<string, string>,
    deployment?: string,
  ): Promise<string> {
    const deploymentId = deployment ?? (await service.createDeployment());
    return await new Promise((resolve, reject) => {
      const url = `${service.url}/prod/v2/deployments/${deploymentId}/inference`;
      const all = { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers };
      const call = request(url, { method: 'POST', headers: all }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve(text));
      });
      call.on('error', reject);
      call.end('{}');
    });
  }
});

describe('the cancelled word', () => {
  const forced = useTestApp({ env: { COMFLEET_CANCELLED_WORD: 'canceled' } });

  it('can be forced for both versions', async () => {
    const deploymentId = await forced().createDeployment();
    const requestId = await forced().submit(deploymentId, SLOW);
    await forced().cancel(deploymentId, requestId);
    for (const version of VERSIONS) {
      expect(await forced().untilEnded(deploymentId, requestId, { version })).toMatchObject({ status: 'canceled' });
      const status = await forced().status(deploymentId, requestId, { version });
      expect(status.body).toMatchObject({ status: 'canceled' });
    }
  });
});

describe('the first account', () => {
  it('has its token in a file that only its owner reads, and the service is ready', async () => {
    expect(readFileSync(`${app().dataDir}/admin-token`, 'utf8').trim()).toBe(ADMIN_TOKEN);
    expect((await app().call('//readyz', { token: null })).status).toBe(200);
    expect((await app().call('//healthz', { token: null })).body).toMatchObject({ status: 'ok' });
    expect((await app().call('//openapi.json', { token: null })).body).toMatchObject({ openapi: expect.any(String) });
    expect((await app().call('/openapi.json', { token: null })).body).toMatchObject({ openapi: expect.any(String) });
    expect((await app().call('/readyz', { token: null })).body).toMatchObject({ status: 'ok' });
    expectError(await app().call('/account', { token: null }), 401001);
  });
});

async function findInstanceId(): Promise<string> {
  const rows = await app().db.query<{ id: string }>({ text: 'select id from instances', values: [] });
  return await until('an instance', () => rows[0]?.id);
}
