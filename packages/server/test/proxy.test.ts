// The instance proxy over HTTP: what passes, what does not, and that two accounts on one instance see nothing of each other.
// routes: proxyInstance
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CallOptions, PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

const getApp = useTestApp({ emulator: 'executing' });

interface Tenant {
  readonly token: string;
  readonly deployment: string;
}

let own: Tenant;
let other: Tenant;
let instance: string;

async function makeTenant(token: string): Promise<Tenant> {
  const post = async (path: string, body: CallOptions['body']) =>
    (await getApp().call(path, { method: 'POST', token, ...(body === undefined ? {} : { body }) })).body;
  const workflow = await post('/workflows', { name: 'theirs' });
  const version = await post(`/workflows/${workflow['id']}/versions`, { workflow_api_json: PICTURE });
  const fields = { name: 'theirs', workflow_id: workflow['id'] ?? '', workflow_version: version['version'] ?? '' };
  return { token, deployment: String((await post('/deployments', fields))['id']) };
}

beforeAll(async () => {
  const app = getApp();
  own = { token: app.token, deployment: await app.createDeployment() };
  other = await makeTenant(await app.addAccount());
  const list = (await app.call(`/deployments/${own.deployment}/instances`)).body['data'];
  instance = String((list as unknown as [{ id: string }])[0].id);
});

function proxy(tenant: Tenant, path: string, options: CallOptions = {}) {
  const target = `/deployments/${tenant.deployment}/instances/${instance}/proxy/${path}`;
  return getApp().call(target, { token: tenant.token, ...options });
}

const post = (tenant: Tenant, path: string, body: CallOptions['body']) =>
  proxy(tenant, path, { method: 'POST', ...(body === undefined ? {} : { body }) });

async function promptOf(tenant: Tenant, more: object = {}): Promise<string> {
  const reply = await post(tenant, 'prompt', { prompt: PICTURE, ...more } as never);
  expect(reply.status, reply.text).toBe(200);
  return String(reply.body['prompt_id']);
}

const untilDone = (tenant: Tenant, promptId: string) =>
  until(`the history of ${promptId}`, async () => {
    const entry = (await proxy(tenant, `history/${promptId}`)).body[promptId];
    return entry as { outputs: Record<string, { images: Record<string, string>[] }>; prompt: unknown[] } | undefined;
  });

describe('what passes', () => {
  it.each(['object_info', 'api/object_info/SaveImage', 'system_stats', 'features', 'models', 'embeddings', 'prompt'])(
    'GET %s, as ComfyUI answers it',
    async (path) => {
      const direct = await fetch(`${getApp().emulatorUrl}/${path}`);
      const reply = await proxy(own, path);
      expect(reply.status).toBe(200);
      expect(reply.headers.get('content-type')).toBe(direct.headers.get('content-type'));
      if (path !== 'system_stats') expect(reply.text).toBe(await direct.text());
    },
  );

  it('on v1 too, and HEAD without a body', async () => {
    expect((await proxy(own, 'models', { version: 'v1' })).status).toBe(200);
    const head = await proxy(own, 'system_stats', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
  });

  it.each([
    ['POST', 'history'],
    ['POST', 'queue'],
    ['GET', 'userdata'],
    ['GET', 'settings'],
    ['GET', 'internal/logs'],
    ['GET', 'extensions'],
    ['GET', 'users'],
    ['DELETE', 'userdata/a.json'],
    ['PUT', 'anything'],
    ['POST', 'object_info'],
  ])('not %s %s', async (method, path) => {
    const reply = await proxy(own, path, { method });
    if (reply.status === 405) expect(reply.headers.get('allow')).toMatch(/GET/);
    else expectError(reply, 403003);
  });

  it.each([
    '%2e%2e/queue',
    'view/%2e%2e/userdata',
    'models//x',
    'models%2fx',
    'api/api/queue',
    'models%5cx',
    'a%00',
    '%zz',
  ])('no path that can be read twice: %s', async (path) =>
    expect((await proxy(own, path)).status).toBeGreaterThanOrEqual(400),
  );

  it('not another account, not a gone instance, not a disabled or deleted deployment', async () => {
    const app = getApp();
    const at = (deployment: string, id: string) => app.call(`/deployments/${deployment}/instances/${id}/proxy/models`);
    expectError(await at(other.deployment, instance), 403003);
    expectError(await at(own.deployment, '00000000-0000-7000-8000-000000000000'), 404001);
    const id = await app.createDeployment();
    await app.call(`/deployments/${id}`, { method: 'PATCH', body: { is_enabled: false } });
    expectError(await at(id, instance), 10002);
    await app.call(`/deployments/${id}`, { method: 'DELETE' });
    expectError(await at(id, instance), 10003);
  });
});

describe('prompts', () => {
  it('run under an id of ours and are seen by their account alone', async () => {
    const promptId = await promptOf(own, { client_id: 'mine', prompt_id: 'chosen', number: -5, front: true });
    expect(promptId).not.toBe('chosen');
    const entry = await untilDone(own, promptId);
    const [image] = entry.outputs['2']?.images ?? [];
    expect(image?.['subfolder']).toBe(`${promptId}/pictures`);
    expect(JSON.stringify(entry)).not.toContain('client_id');
    const view = `view?${new URLSearchParams(image)}`;
    const picture = await proxy(own, view);
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/png']);
    const part = await proxy(own, view, { headers: { range: 'bytes=1-3' } });
    expect([part.status, part.text]).toEqual([206, 'PNG']);
    expectError(await proxy(other, view), 404001);
    expect((await proxy(other, `history/${promptId}`)).body).toEqual({});
    expect(Object.keys((await proxy(other, 'history')).body)).not.toContain(promptId);
    expect(Object.keys((await proxy(own, 'history')).body)).toContain(promptId);
  });

  it("of requests are in their account's history too", async () => {
    const app = getApp();
    const requestId = await app.submit(own.deployment);
    await app.untilEnded(own.deployment, requestId);
    const history = (await proxy(own, 'history')).text;
    expect(history).toContain(requestId);
    expect((await proxy(other, 'history')).text).not.toContain(requestId);
    const entry = Object.entries((await proxy(own, 'history')).body).find(([, one]) =>
      JSON.stringify(one).includes(requestId),
    );
    expect(Object.keys((await proxy(own, `history/${entry?.[0]}`)).body)).toEqual([entry?.[0]]);
    expect((await proxy(other, `history/${entry?.[0]}`)).body).toEqual({});
  });

  it("that ComfyUI would refuse, or that would kill it, are refused in ComfyUI's words", async () => {
    expect((await post(own, 'prompt', {})).body).toMatchObject({ error: { type: 'no_prompt' }, node_errors: {} });
    const unknown = await post(own, 'prompt', { prompt: { '1': { class_type: 'Nope', inputs: {} } } });
    expect([unknown.status, unknown.body]).toMatchObject([400, { error: { type: 'invalid_prompt' } }]);
    const bad = structuredClone(PICTURE) as Record<string, { inputs: Record<string, unknown> }>;
    if (bad['1']) bad['1'].inputs['width'] = -1;
    const refused = await post(own, 'prompt', { prompt: bad } as never);
    expect(refused.body).toMatchObject({
      error: { type: 'prompt_outputs_failed_validation' },
      node_errors: { '1': { class_type: 'EmptyImage', errors: [{ type: 'value_smaller_than_min' }] } },
    });
    const poison = { ...PICTURE, '9': { class_type: 'EmptyImage' } };
    expect((await post(own, 'prompt', { prompt: poison } as never)).status).toBe(400);
  });

  it('end when their account is closed', async () => {
    const app = getApp();
    const account = (await app.call('/admin/accounts', { method: 'POST', body: { name: 'closing' } })).body;
    const closing = await makeTenant(String(account['token']));
    app.emulator.faults.merge({ serviceMs: 60_000 });
    try {
      const running = await promptOf(closing);
      await until('it runs', async () => (await proxy(closing, 'queue')).text.includes(running));
      await app.call(`/admin/accounts/${account['id']}`, { method: 'PATCH', body: { is_active: false } });
      await until('it is interrupted', () => app.emulator.executions().at(-1)?.outcome === 'interrupted');
    } finally {
      app.emulator.faults.clear();
    }
  });

  it('let the requests of others go before the next one of their account', async () => {
    const app = getApp();
    app.emulator.faults.merge({ serviceMs: 60_000 });
    try {
      await promptOf(own);
      let answered = 0;
      const more = Array.from({ length: 3 }, () => promptOf(own).finally(() => (answered += 1)));
      const requestId = await app.submit(other.deployment, {}, { token: other.token });
      const path = `/deployments/${other.deployment}/requests/${requestId}`;
      const status = async () => (await app.call(`${path}/status`, { token: other.token })).body['status'];
      // Asked for only once it stands in line there: what comes later than the end of the first may well run later.
      await until('the request to stand in line', async () => {
        return (await post(own, 'free', { unload_models: true })).status === 409;
      });
      await until('the request to run', async () => {
        if (answered === 0) await post(own, 'interrupt', {});
        return (await status()) === 'in_progress';
      });
      // One more may wait inside an instance whose runs are short, behind the request.
      expect(answered).toBeLessThan(2);
      app.emulator.faults.clear();
      await app.call(`${path}/cancel`, { method: 'POST', token: other.token });
      await until('the end of all', async () => {
        await post(own, 'interrupt', {});
        return (
          answered === more.length && (await proxy(own, 'queue')).text === '{"queue_running":[],"queue_pending":[]}'
        );
      });
      await Promise.all(more);
    } finally {
      app.emulator.faults.clear();
    }
  });

  it('show in the queue of their account alone, without their secrets; wait their turn; stop for their account alone', async () => {
    const app = getApp();
    app.emulator.faults.merge({ serviceMs: 60_000 });
    try {
      const running = await promptOf(own, { extra_data: { api_key_comfy_org: 'a-secret' } });
      const queue = await until('the running prompt', async () => {
        const { body, text } = await proxy(own, 'queue');
        return JSON.stringify(body['queue_running']).includes(running) && text;
      });
      expect(queue).not.toMatch(/a-secret|client_id/);
      expect((await proxy(other, 'queue')).body).toEqual({ queue_running: [], queue_pending: [] });
      // One more may wait inside an instance whose runs are short; the next waits outside.
      const second = promptOf(other);
      let isAnswered = false;
      const third = promptOf(other).finally(() => {
        isAnswered = true;
      });
      await post(other, 'interrupt', {});
      await post(other, 'interrupt', { prompt_id: running });
      expectError(await post(other, 'free', { unload_models: true }), 409001);
      expect((await proxy(own, 'queue')).text).toContain(running);
      expect(isAnswered).toBe(false);
      app.emulator.faults.clear();
      await until('the end of all', async () => {
        for (const tenant of [own, other]) await post(tenant, 'interrupt', {});
        return isAnswered && (await proxy(other, 'queue')).text === '{"queue_running":[],"queue_pending":[]}';
      });
      await untilDone(other, await second);
      await untilDone(other, await third);
      expect((await post(own, 'free', { unload_models: true })).status).toBe(200);
    } finally {
      app.emulator.faults.clear();
      await post(own, 'interrupt', {});
    }
  });
});

describe('uploads', () => {
  const upload = (tenant: Tenant, fields: Record<string, string>, content = 'bytes') => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('image', new Blob([content]), 'same.png');
    const target = `/prod/v2/deployments/${tenant.deployment}/instances/${instance}/proxy/upload/image`;
    return fetch(getApp().url + target, {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.token}` },
      body: form,
    });
  };

  it('of two accounts with one name are two files, each seen by its own account', async () => {
    const mine = (await (await upload(own, { overwrite: 'true' }, 'mine')).json()) as Record<string, string>;
    const theirs = (await (await upload(other, { overwrite: 'true' }, 'theirs')).json()) as Record<string, string>;
    expect(mine['subfolder']).not.toBe(theirs['subfolder']);
    const view = `view?${new URLSearchParams({ filename: mine['name'] ?? '', ...mine })}`;
    expect((await proxy(own, view)).text).toBe('mine');
    expectError(await proxy(other, view), 404001);
    const file = `${mine['subfolder']}/${mine['name']}`;
    const graph = (image: string) => ({
      '1': { class_type: 'LoadImage', inputs: { image } },
      '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } },
    });
    const stolen = await post(other, 'prompt', { prompt: graph(file) } as never);
    expect([stolen.status, stolen.body]).toMatchObject([
      400,
      { node_errors: { '1': { errors: [{ type: 'custom_validation_failed' }] } } },
    ]);
    expect((await post(own, 'prompt', { prompt: graph(file) } as never)).status).toBe(200);
  });

  it('go nowhere else', async () => {
    expect((await upload(own, { type: 'output' })).status).toBe(422);
    expect((await upload(own, { subfolder: '../..' })).status).toBe(422);
    const reply = await upload(own, { subfolder: 'deep/er' });
    expect(((await reply.json()) as { subfolder: string }).subfolder).toMatch(
      /^comfleet-uploads\/[0-9a-f]{32}\/deep\/er$/,
    );
  });
});

describe('headers', () => {
  it('that smuggle are refused', async () => {
    const { hostname, port } = new URL(getApp().url);
    const path = `/prod/v2/deployments/${own.deployment}/instances/${instance}/proxy/models`;
    const say = (head: string) =>
      new Promise<string>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          const start = `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${own.token}\r\n`;
          socket.write(`${start}${head}\r\n\r\n`);
        });
        socket.once('data', (data) => {
          resolve(data.toString().split('\r\n')[0] ?? '');
          socket.destroy();
        });
      });
    expect(await say('Connection: close')).toContain('200');
    expect(await say('Connection: close, content-length')).toContain('422');
    expect(await say('Connection: upgrade\r\nUpgrade: spdy')).toContain('422');
    expect(await say('Connection: upgrade\r\nUpgrade: h2c')).toContain('200');
    expect(await say('Content-Length: 3\r\nTransfer-Encoding: chunked')).toContain('400');
  });
});
