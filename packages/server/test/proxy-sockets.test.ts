// Websockets through the instance proxy: both ways, under our client id, each caller its own prompts' frames.
// routes: proxyInstance
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { type FakeInstance, startFakeInstance } from '../testing/fake-instance.ts';
import { until } from '../testing/until.ts';

const INFO = {
  Show: { input: {}, output: [], output_node: true, name: 'Show', python_module: 'nodes' },
};
const GRAPH = { '1': { class_type: 'Show', inputs: {} } };

let fake: FakeInstance;
let app: TestApp;
let deployment: string;
let base: string;
const prompts: { prompt_id: string; client_id: string }[] = [];
const opened: WebSocket[] = [];

beforeAll(async () => {
  fake = await startFakeInstance({
    '/object_info': (_request, response) => response.end(JSON.stringify(INFO)),
    '/queue': (_request, response) =>
      response.end(
        JSON.stringify({ queue_running: [], queue_pending: prompts.map(({ prompt_id: id }) => [0, id, {}]) }),
      ),
    '/prompt'(request, response) {
      if (request.method === 'GET') return response.end('{"exec_info": {"queue_remaining": 0}}') as never;
      let text = '';
      request.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      request.on('end', () => {
        const body = JSON.parse(text) as (typeof prompts)[number];
        prompts.push(body);
        response.end(JSON.stringify({ prompt_id: body.prompt_id, number: 0, node_errors: {} }));
      });
    },
  });
  app = await createTestApp({ emulator: 'none', env: { COMFLEET_COMFYUI: fake.url } });
  const saved = await app.saveWorkflow(GRAPH, { object_info: INFO } as never);
  const fields = { name: 'a', workflow_id: saved.workflowId, workflow_version: saved.version };
  deployment = String((await app.call('/deployments', { method: 'POST', body: fields })).body['id']);
  const [instance] = (await app.call(`/deployments/${deployment}/instances`)).body['data'] as unknown as [
    { id: string },
  ];
  base = `/deployments/${deployment}/instances/${instance.id}/proxy`;
});
afterEach(() => {
  for (const socket of opened.splice(0)) socket.terminate();
});
afterAll(async () => {
  await app.stop();
  await fake.stop();
});

interface Heard {
  readonly socket: WebSocket;
  readonly texts: { type: string; data: Record<string, unknown> }[];
  readonly binaries: Buffer[];
  readonly closed: { code?: number };
}

async function open(clientId: string, token: string | null = app.token, path = 'ws'): Promise<Heard> {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const url = `${app.url.replace('http', 'ws')}/prod/v2${base}/${path}?clientId=${clientId}`;
  const socket = new WebSocket(url, { headers: { ...headers, origin: 'http://evil.example' } });
  opened.push(socket);
  const heard: Heard = { socket, texts: [], binaries: [], closed: {} };
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) heard.binaries.push(data);
    else heard.texts.push(JSON.parse(data.toString()));
  });
  socket.on('close', (code) => {
    heard.closed.code = code;
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('unexpected-response', (_request, response) => reject(new Error(`status ${response.statusCode}`)));
    socket.once('error', reject);
  });
  await until('the first frame', () => Promise.resolve(heard.texts.length > 0));
  return heard;
}

async function send(clientId: string): Promise<{ prompt_id: string; client_id: string }> {
  const body = { prompt: GRAPH, client_id: clientId };
  const reply = await app.call(`${base}/prompt`, { method: 'POST', body });
  expect(reply.status, reply.text).toBe(200);
  const sent = prompts.at(-1);
  expect(sent?.prompt_id).toBe(reply.body['prompt_id']);
  return sent ?? { prompt_id: '', client_id: '' };
}

const say = (clientId: string, type: string, data: object) =>
  fake.sockets.get(clientId)?.send(JSON.stringify({ type, data }));

const preview = (promptId: string) => {
  const metadata = Buffer.from(JSON.stringify({ node_id: '1', prompt_id: promptId, image_type: 'image/png' }));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(4, 0);
  head.writeUInt32BE(metadata.length, 4);
  return Buffer.concat([head, metadata, Buffer.from('image')]);
};

it('pass frames and previews of the own prompts, and no others; the end of a run frees its turn', async () => {
  const heard = await open('mine');
  expect(heard.texts[0]).toMatchObject({ type: 'status', data: { sid: 'mine' } });
  const { prompt_id: promptId, client_id: clientId } = await send('mine');
  expect(clientId).toMatch(/^comfleet-proxy-/);
  say(clientId, 'execution_start', { prompt_id: promptId });
  say(clientId, 'executed', { prompt_id: randomUUID(), node: '1', output: { text: ['secret'] } });
  say(clientId, 'custom.broadcast', { text: 'secret' });
  say(clientId, 'custom.own', { prompt_id: promptId, text: 'fine' });
  fake.sockets.get(clientId)?.send(preview(randomUUID()));
  fake.sockets.get(clientId)?.send(preview(promptId));
  say(clientId, 'execution_success', { prompt_id: promptId });
  say(clientId, 'executing', { node: null, prompt_id: promptId });
  await until('the end', () => Promise.resolve(heard.texts.some(({ type }) => type === 'executing')));
  expect(heard.texts.map(({ type }) => type)).toEqual([
    'status',
    'execution_start',
    'custom.own',
    'execution_success',
    'executing',
  ]);
  expect(heard.binaries).toEqual([preview(promptId)]);
  // Its turn is over: another is taken at once.
  const next = await send('mine');
  say(next.client_id, 'execution_success', { prompt_id: next.prompt_id });
});

it('carry the feature flags of the caller, and nothing else of it', async () => {
  const heard = await open('flags', app.token, 'api/ws');
  const flags = '{"type":"feature_flags","data":{"supports_preview_metadata":true}}';
  heard.socket.send(flags);
  heard.socket.send('{"type":"anything"}');
  await until('the flags', () => Promise.resolve(fake.received.includes(flags)));
  expect(fake.received.some((text) => text.includes('anything'))).toBe(false);
});

it('do not share an id between accounts: a prompt of one is told to no socket of the other', async () => {
  const mine = await open('same');
  const token = await app.addAccount();
  await expect(open('same', token)).rejects.toThrow('status 403');
  const { client_id: clientId } = await send('unknown');
  expect(clientId).not.toMatch(/^comfleet-proxy-/);
  expect(mine.texts).toHaveLength(1);
});

it('need a token, and no other path is one', async () => {
  await expect(open('x', null)).rejects.toThrow('status 401');
  await expect(open('x', app.token, 'queue')).rejects.toThrow(/status|Unexpected/);
  expect((await app.call(`${base}/ws`)).status).toBe(422);
});

it('leave nothing at the instance when the caller is gone before they are open', async () => {
  const { hostname, port, host } = new URL(app.url);
  const head = [
    `GET /prod/v2${base}/ws HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${app.token}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ].join('\r\n');
  const goAtOnce = (afterMs: number) =>
    new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(`${head}\r\n\r\n`);
        setTimeout(() => socket.resetAndDestroy(), afterMs);
      });
      socket.once('close', () => resolve());
    });
  // More than an account may have.
  for (let i = 0; i < 80; i += 1) await goAtOnce(i % 4);
  const theirs = () => [...fake.sockets.keys()].filter((id) => id.startsWith('comfleet-proxy-'));
  const heard = await open('stays');
  await until('the one that is left', async () => theirs().length === 1);
  heard.socket.close();
  await until('the end of it', async () => theirs().length === 0);
});

it('are counted while they are opened, so that no more than 32 are let in at once', async () => {
  const all = await Promise.allSettled(Array.from({ length: 60 }, (_, index) => open(`many-${index}`)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(32);
  const refused = all.find((one) => one.status === 'rejected');
  expect(String(refused?.reason)).toContain('status 429');
});

it('end on either side, and with their deployment', async () => {
  const heard = await open('ends');
  const upstream = await until('the socket', () =>
    Promise.resolve([...fake.sockets].findLast(([id]) => id.startsWith('comfleet-proxy-'))),
  );
  heard.socket.close();
  await until('the end at the instance', () => Promise.resolve(!fake.sockets.has(upstream[0])));
  const again = await open('ends');
  [...fake.sockets].findLast(([id]) => id.startsWith('comfleet-proxy-'))?.[1].close();
  await until('the end at the caller', () => Promise.resolve(again.closed.code === 1012));
  const closing = await open('ends');
  await app.call(`/deployments/${deployment}`, { method: 'PATCH', body: { is_enabled: false } });
  await until('the end with the deployment', () => Promise.resolve(closing.closed.code === 1001));
});
