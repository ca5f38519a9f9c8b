// A real ComfyUI behind the service: the same pixels as when it is asked directly, and no graph that would kill its worker
// ever reaches it. Runs when COMFYUI_URL names a running server (`COMFYUI_URL=http://127.0.0.1:8188 npx vitest run e2e`).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const comfyui = process.env['COMFYUI_URL'];
const photo = `data:image/jpeg;base64,${readFileSync(join(root, 'examples', 'photo.jpg')).toString('base64')}`;

type Graph = Record<string, { class_type: string; inputs: Record<string, unknown> }>;

const load = (image = 'photo') => ({ class_type: 'LoadImage', inputs: { image } });
const save = (from: string) => ({
  class_type: 'SaveImage',
  inputs: { images: [from, 0], filename_prefix: 'x/picture' },
});
const scale = (upscale_method: string) => ({
  class_type: 'ImageScale',
  inputs: { image: ['1', 0], upscale_method, width: 200, height: 120, crop: 'center' },
});

const WORKFLOWS: Record<string, Graph> = {
  invert: { '1': load(), '2': { class_type: 'ImageInvert', inputs: { image: ['1', 0] } }, '9': save('2') },
  'scale by lanczos': { '1': load(), '2': scale('lanczos'), '9': save('2') },
  'scale by bicubic': { '1': load(), '2': scale('bicubic'), '9': save('2') },
  'blur and sharpen': {
    '1': load(),
    '2': { class_type: 'ImageBlur', inputs: { image: ['1', 0], blur_radius: 3, sigma: 1.5 } },
    '3': { class_type: 'ImageSharpen', inputs: { image: ['2', 0], sharpen_radius: 2, sigma: 1, alpha: 0.7 } },
    '9': save('3'),
  },
  'pad, crop and batch': {
    '1': load(),
    '2': {
      class_type: 'ImagePadForOutpaint',
      inputs: { image: ['1', 0], left: 8, top: 16, right: 24, bottom: 32, feathering: 4 },
    },
    '3': { class_type: 'ImageCrop', inputs: { image: ['2', 0], width: 64, height: 64, x: 5, y: 7 } },
    '4': { class_type: 'ImageBatch', inputs: { image1: ['3', 0], image2: ['3', 0] } },
    '38:42': save('4'),
  },
};

const PICTURE: Graph = {
  '1': { class_type: 'EmptyImage', inputs: { width: 16, height: 16, batch_size: 1, color: 7 } },
  '9': save('1'),
};

/** Accepted by ComfyUI, and then its only worker thread is dead. */
const POISON: Record<string, unknown> = {
  'a node without inputs': { ...PICTURE, '5': { class_type: 'EmptyImage' } },
  'inputs that are a list': { ...PICTURE, '5': { class_type: 'EmptyImage', inputs: [] } },
  'an unknown input that links to an absent node': {
    ...PICTURE,
    '1': { class_type: 'EmptyImage', inputs: { ...PICTURE['1']?.inputs, extra: ['77', 0] } },
  },
  'a wrapped link': {
    ...PICTURE,
    '9': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: { __value__: ['77', 0] } } },
  },
};

describe.runIf(comfyui)('a real ComfyUI', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'comfleet-real-'));
  let service: ChildProcess;
  let base = '';

  beforeAll(async () => {
    expect(spawnSync(process.execPath, [join(root, 'tools', 'start.mjs'), 'version']).status).toBe(0);
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    const args = [join(root, 'dist', 'comfleet.js'), 'start', '--port', String(port), '--data', dataDir];
    service = spawn(process.execPath, [...args, '--comfyui', String(comfyui)], { stdio: 'ignore' });
    while (!(await fetch(`${base}/readyz`).catch(() => undefined))?.ok) await sleep(100);
  });
  afterAll(async () => {
    const ended = new Promise((done) => service.once('exit', done));
    service.kill('SIGTERM');
    await ended;
    rmSync(dataDir, { recursive: true, force: true });
  });

  it.each(Object.entries(WORKFLOWS))(
    'gives the same pixels through the service as directly: %s',
    async (_name, graph) => {
      const deploymentId = await deploy(graph);
      const through = await run(deploymentId, { overrides: { '1': { inputs: { image: photo } } } });
      const directly = await runDirectly(graph);
      expect(through.length).toBeGreaterThan(0);
      expect(through.map(pixelData)).toEqual(directly.map(pixelData));
    },
  );

  it.each(Object.entries(POISON))('never gets %s', async (_name, graph) => {
    const deploymentId = await deploy(PICTURE);
    const reply = await call('POST', `/deployments/${deploymentId}/inference`, { workflow_api_json: graph });
    expect([reply.status, reply.body['error_code']]).toEqual([422, 422001]);
    // Its worker lives: a good graph still runs.
    expect(await run(deploymentId, {})).toHaveLength(1);
  });

  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const token = readFileSync(join(dataDir, 'admin-token'), 'utf8').trim();
    const reply = await fetch(`${base}/prod/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
  }

  async function deploy(graph: Graph): Promise<string> {
    const { body: workflow } = await call('POST', '/workflows', { name: 'real' });
    await call('POST', `/workflows/${workflow['id']}/versions`, { workflow_api_json: graph });
    const wish = { name: 'real', workflow_id: workflow['id'], workflow_version: 'latest' };
    return String((await call('POST', '/deployments', wish)).body['id']);
  }

  async function run(deploymentId: string, body: unknown): Promise<Buffer[]> {
    const { body: result } = await call('POST', `/deployments/${deploymentId}/inference`, body, { prefer: 'wait=60' });
    expect(result).toMatchObject({ status: 'succeeded' });
    const outputs = Object.values(result['outputs'] as Record<string, { images: { url: string }[] }>);
    return await Promise.all(outputs.flatMap(({ images }) => images).map(({ url }) => download(url)));
  }
});

/** The same graph, asked of ComfyUI itself. */
async function runDirectly(graph: Graph): Promise<Buffer[]> {
  const form = new FormData();
  form.set('image', new Blob([Buffer.from(photo.split(',')[1] ?? '', 'base64')]), `${randomUUID()}.jpg`);
  const uploaded = (await (await fetch(`${comfyui}/upload/image`, { method: 'POST', body: form })).json()) as {
    name: string;
  };
  const promptId = randomUUID();
  const prompt = { ...graph, '1': load(uploaded.name) };
  const body = JSON.stringify({ prompt, prompt_id: promptId, client_id: randomUUID() });
  expect((await fetch(`${comfyui}/prompt`, { method: 'POST', body })).status).toBe(200);
  for (;;) {
    const history = (await (await fetch(`${comfyui}/history/${promptId}`)).json()) as Record<
      string,
      { outputs: Record<string, { images: Record<string, string>[] }> }
    >;
    const entry = history[promptId];
    if (entry) {
      const images = Object.values(entry.outputs).flatMap((output) => output.images);
      return await Promise.all(images.map((image) => download(`${comfyui}/view?${new URLSearchParams(image)}`)));
    }
    await sleep(50);
  }
}

async function download(url: string): Promise<Buffer> {
  const reply = await fetch(url);
  expect(reply.status).toBe(200);
  return Buffer.from(await reply.arrayBuffer());
}

/** The head and the compressed pixels: one encoder wrote both files, only their texts may differ. */
function pixelData(png: Buffer): string[] {
  const chunks: string[] = [];
  for (let at = 8; at < png.length; ) {
    const end = at + 12 + png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    if (type === 'IHDR' || type === 'IDAT') chunks.push(png.toString('base64', at, end));
    at = end;
  }
  return chunks;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
