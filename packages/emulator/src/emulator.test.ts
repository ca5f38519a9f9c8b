// The server as a client sees it, with real nodes on the worker thread.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { JsonObject } from '@comfleet/comfyui';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataOf, emptyImage, saveImage, smallGraph, startEmulator, until } from './testing/start-emulator.ts';

let server: Awaited<ReturnType<typeof startEmulator>>;

beforeAll(async () => {
  server = await startEmulator();
});

afterAll(async () => {
  await server.stop();
});

const finish = (promptId: string) => (frame: JsonObject | Buffer) =>
  !Buffer.isBuffer(frame) &&
  frame['type'] === 'executing' &&
  dataOf(frame)['node'] === null &&
  dataOf(frame)['prompt_id'] === promptId;

it('says where its folders are as ComfyUI does: those of models below one, custom nodes beside it', async () => {
  const folders = (await server.call('/internal/folder_paths')).json();
  expect(folders).toMatchObject({
    checkpoints: [path.join(server.baseDir, 'models', 'checkpoints')],
    custom_nodes: [path.join(server.baseDir, 'custom_nodes')],
  });
  const hiding = await startEmulator({ hidesFolders: true });
  expect((await hiding.call('/internal/folder_paths')).status).toBe(404);
  await hiding.stop();
});

describe('a prompt of a connected client', () => {
  it('is told in the order of ComfyUI, and its history can be read at the end signal', async () => {
    const client = await server.listen('order');
    client.send({ type: 'feature_flags', data: { supports_preview_metadata: true } });
    await until(() => client.frames.length === 2);
    const reply = await server.submit(smallGraph(), { client_id: 'order', prompt_id: 'order-1' });
    expect(reply.text).toBe('{"prompt_id": "order-1", "number": 0, "node_errors": {}}');
    await until(() => client.frames.some(finish('order-1')));
    expect(client.types()).toEqual([
      ...['status', 'feature_flags', 'status', 'status', 'execution_start', 'execution_cached'],
      ...['progress_state', 'executing', 'progress_state'],
      ...['progress_state', 'executing', 'executed', 'progress_state'],
      ...['execution_success', 'status', 'executing'],
    ]);
    expect(dataOf(client.frames[0])).toEqual({ status: { exec_info: { queue_remaining: 0 } }, sid: 'order' });
    expect(dataOf(client.frames[11])['output']).toEqual({
      images: [{ filename: 'p_00001_.png', subfolder: 'test', type: 'output' }],
    });
    const entry = await server.history('order-1');
    expect(entry).toMatchObject({
      prompt: [0, 'order-1', smallGraph(), { client_id: 'order' }, ['2']],
      status: { status_str: 'success', completed: true },
      meta: { '2': { node_id: '2', display_node: '2', parent_node: null, real_node_id: '2' } },
    });
    client.close();
  });

  it('is served from the cache when nothing changed, with the file of the earlier run told again', async () => {
    const client = await server.listen('cached');
    await server.submit(smallGraph('cached/p'), { client_id: 'cached', prompt_id: 'cached-1' });
    await server.submit(smallGraph('cached/p'), { client_id: 'cached', prompt_id: 'cached-2' });
    await until(() => client.frames.some(finish('cached-2')));
    const second = client.frames.filter((frame) => dataOf(frame)['prompt_id'] === 'cached-2');
    expect(second.map((frame) => (frame as JsonObject)['type'])).toEqual([
      ...['execution_start', 'execution_cached', 'executed', 'progress_state', 'execution_success', 'executing'],
    ]);
    expect(dataOf(second[1])['nodes']).toEqual(['1', '2']);
    expect(dataOf(second[2])['output']).toMatchObject({ images: [{ filename: 'p_00001_.png' }] });
    client.close();
  });

  it('fails in the words of python, and leaves the outputs made before', async () => {
    await server.call('/upload/image', { method: 'POST', body: form('broken.png', 'no picture') });
    const graph = {
      '1': emptyImage(9),
      '2': saveImage('1'),
      '3': { class_type: 'LoadImage', inputs: { image: 'broken.png' } },
      '4': saveImage('3'),
    };
    await server.submit(graph, { prompt_id: 'fails' });
    const entry = await server.ended('fails');
    expect(entry['status']).toMatchObject({ status_str: 'error', completed: false });
    const messages = (entry['status'] as { messages: [string, JsonObject][] }).messages;
    expect(messages.map(([type]) => type)).toEqual(['execution_start', 'execution_cached', 'execution_error']);
    expect(messages[2]?.[1]).toMatchObject({
      node_id: '3',
      node_type: 'LoadImage',
      exception_type: 'PIL.UnidentifiedImageError',
      current_inputs: { image: ['broken.png'] },
    });
    expect(Object.keys(entry['outputs'] as JsonObject)).toEqual(['2']);
  });
});

const form = (name: string, content: string, more: Record<string, string> = {}) => {
  const body = new FormData();
  body.append('image', new Blob([content]), name);
  for (const [key, value] of Object.entries(more)) body.append(key, value);
  return body;
};

describe('files', () => {
  it('has an example picture to load', async () => {
    const graph = {
      '1': { class_type: 'LoadImage', inputs: { image: 'example.png' } },
      '2': saveImage('1', 'example'),
    };
    await server.submit(graph, { prompt_id: 'example' });
    expect((await server.ended('example'))['status']).toMatchObject({ status_str: 'success' });
    const info = (await server.call('/object_info/LoadImage')).json();
    expect(info).toMatchObject({
      LoadImage: { input: { required: { image: [expect.arrayContaining(['example.png']), {}] } } },
    });
  });

  it('keeps the name for the same content, and finds a free one for another', async () => {
    const upload = async (content: string, more = {}) =>
      (await server.call('/upload/image', { method: 'POST', body: form('same.png', content, more) })).json();
    expect(await upload('one')).toEqual({ name: 'same.png', subfolder: '', type: 'input' });
    expect(await upload('one')).toEqual({ name: 'same.png', subfolder: '', type: 'input' });
    expect(await upload('two')).toEqual({ name: 'same (1).png', subfolder: '', type: 'input' });
    expect(await upload('two', { overwrite: 'true' })).toEqual({ name: 'same.png', subfolder: '', type: 'input' });
    expect(await upload('one', { subfolder: 'deep/er' })).toEqual({
      name: 'same.png',
      subfolder: 'deep/er',
      type: 'input',
    });
    expect(await readFile(path.join(server.baseDir, 'input', 'same.png'), 'utf8')).toBe('two');
  });

  it.each([
    [{ subfolder: '../..' }, 400],
    [{ type: 'elsewhere' }, 500],
  ])('refuses an upload with %o', async (more, status) => {
    const reply = await server.call('/upload/image', { method: 'POST', body: form('x.png', 'x', more) });
    expect(reply.status).toBe(status);
  });

  it('sends ranges, and nothing from outside its folders', async () => {
    await writeFile(path.join(server.baseDir, 'output', 'digits.txt'), '0123456789');
    const view = (query: string, range?: string) =>
      server.call(`/view?${query}`, range === undefined ? {} : { headers: { Range: range } });
    const part = await view('filename=digits.txt', 'bytes=2-4');
    expect([part.status, part.text, part.headers.get('content-range')]).toEqual([206, '234', 'bytes 2-4/10']);
    expect((await view('filename=digits.txt', 'bytes=-3')).text).toBe('789');
    expect((await view('filename=digits.txt', 'bytes=50-')).status).toBe(416);
    const whole = await view('filename=digits.txt');
    expect(whole.headers.get('content-disposition')).toBe('filename="digits.txt"');
    const again = await server.call('/view?filename=digits.txt', {
      headers: { 'If-None-Match': whole.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
    const statuses = ['filename=nope', 'filename=../x', 'filename=x&type=y', 'filename=x&subfolder=../..', ''].map(
      async (query) => (await view(query)).status,
    );
    expect(await Promise.all(statuses)).toEqual([404, 400, 400, 403, 404]);
  });

  it('converts pictures for previews and single channels', async () => {
    const type = async (query: string) =>
      (await server.call(`/view?filename=example.png&type=input&${query}`)).headers.get('content-type');
    expect(await type('preview=webp;90')).toBe('image/webp');
    expect(await type('preview=jpeg')).toBe('image/jpeg');
    expect(await type('channel=a')).toBe('image/png');
  });

  it('answers HEAD with the size and no body', async () => {
    const reply = await server.call('/view?filename=example.png&type=input', { method: 'HEAD' });
    expect([reply.status, reply.bytes.length]).toEqual([200, 0]);
    expect(Number(reply.headers.get('content-length'))).toBeGreaterThan(1000);
  });
});

describe('the other routes', () => {
  it('answers with and without /api', async () => {
    expect((await server.call('/api/prompt')).text).toBe((await server.call('/prompt')).text);
  });

  it.each([
    ['GET', '/nope', undefined, 404],
    ['PUT', '/prompt', undefined, 405],
    ['POST', '/nope', '{}', 405],
    ['POST', '/prompt', '{bad', 500],
    ['POST', '/queue', '5', 500],
    ['POST', '/interrupt', '{bad', 200],
    ['POST', '/interrupt', '[]', 500],
    ['GET', '/history?max_items=x', undefined, 500],
    ['GET', '/models/unet', undefined, 404],
    ['GET', '/models/checkpoints', undefined, 200],
    ['GET', '/api/jobs', undefined, 404],
    ['GET', '/system_stats', undefined, 200],
  ])('answers %s %s with body %s by %d', async (method, target, body, status) => {
    expect((await server.call(target, { method, ...(body === undefined ? {} : { body }) })).status).toBe(status);
  });

  it('refuses a browser page of another origin', async () => {
    const from = async (origin: string) => (await server.call('/prompt', { headers: { Origin: origin } })).status;
    expect(await from('http://evil.example')).toBe(403);
    expect(await from(server.base)).toBe(200);
  });
});
