import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeComfyui, type FakeOptions, sendJson, sendText, startFakeComfyui } from '../testing/fake-comfyui.ts';
import { type ComfyClient, type ComfyClientOptions, createComfyClient } from './client.ts';
import type { Upload } from './upload.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function start(
  options: FakeOptions,
  more: Partial<ComfyClientOptions> = {},
): Promise<[ComfyClient, FakeComfyui]> {
  const fake = await startFakeComfyui(options);
  const client = createComfyClient({ baseUrl: fake.url, ...more });
  open.push(client, fake);
  return [client, fake];
}

const target = {
  filename: 'in.png',
  subfolder: 'r1/é',
  type: 'input',
  overwrite: true,
  contentType: 'image/png',
} as const;
const bytes = Buffer.from('PNG\r\n--bytes\u0000');

function readForm(fake: FakeComfyui): Promise<FormData> {
  const [request] = fake.heard;
  const headers = { 'content-type': request?.headers['content-type'] ?? '' };
  return new Response(new Uint8Array(request?.body ?? []), { headers }).formData();
}

describe('an upload', () => {
  test.each<[string, Upload]>([
    ['bytes', { ...target, bytes }],
    [
      'a stream',
      { ...target, stream: Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]), sizeBytes: bytes.length },
    ],
    ['nothing', { ...target, bytes: Buffer.alloc(0) }],
  ])('of %s is a form that others can read, with a known length', async (what, upload) => {
    const [client, fake] = await start({
      answer: (_, response) => sendJson(response, { name: 'in (1).png', subfolder: 'r1/é', type: 'input' }),
    });
    expect(await client.upload(upload)).toEqual({ name: 'in (1).png', subfolder: 'r1/é', type: 'input' });
    const form = await readForm(fake);
    expect(fake.heard[0]?.headers['content-length']).toBe(String(fake.heard[0]?.body.length));
    expect([form.get('type'), form.get('subfolder'), form.get('overwrite')]).toEqual(['input', 'r1/é', 'true']);
    const file = form.get('image');
    if (!(file instanceof File)) throw new Error('no file in the form');
    expect([file.name, file.type]).toEqual(['in.png', 'image/png']);
    expect(Buffer.from(await file.arrayBuffer())).toEqual(what === 'nothing' ? Buffer.alloc(0) : bytes);
  });

  test('of 128 MB passes through without being gathered', async () => {
    const sizeBytes = 128 * 1024 * 1024;
    const block = Buffer.alloc(1024 * 1024, 7);
    let seenBytes = 0;
    const [client] = await start({
      rawAnswer: (request, response) => {
        request.on('data', (chunk: Buffer) => {
          seenBytes += chunk.length;
        });
        request.on('end', () => sendJson(response, { name: 'in.png', subfolder: '', type: 'input' }));
      },
    });
    let highestBytes = 0;
    async function* produce(): AsyncGenerator<Buffer> {
      for (let sent = 0; sent < sizeBytes; sent += block.length) {
        highestBytes = Math.max(highestBytes, sent - seenBytes);
        yield block;
      }
    }
    await client.upload({ ...target, stream: Readable.from(produce()), sizeBytes });
    expect(seenBytes).toBeGreaterThan(sizeBytes);
    // Sent and not yet heard: sockets' and streams' own buffers only.
    expect(highestBytes).toBeLessThan(48 * 1024 * 1024);
  });

  test.each([
    ['shorter', bytes.length + 1],
    ['longer', bytes.length - 1],
  ])('of a stream %s than promised fails as such', async (_what, sizeBytes) => {
    const stream = Readable.from([bytes]);
    const [client] = await start({ answer: (_, response) => sendJson(response, { name: 'x' }) });
    await expect(client.upload({ ...target, stream, sizeBytes })).rejects.toMatchObject({ kind: 'source' });
    expect(stream.destroyed).toBe(true);
  });

  test('of a stream that fails reports the source, not the instance', async () => {
    const cause = new Error('disk gone');
    async function* produce(): AsyncGenerator<Buffer> {
      yield bytes;
      throw cause;
    }
    const [client] = await start({});
    const failure = client.upload({ ...target, stream: Readable.from(produce()), sizeBytes: 100 });
    await expect(failure).rejects.toMatchObject({ kind: 'source', cause });
  });

  test('to nobody closes its stream', async () => {
    const [client, fake] = await start({});
    await fake.close();
    const stream = Readable.from([bytes]);
    await expect(client.upload({ ...target, stream, sizeBytes: bytes.length })).rejects.toMatchObject({
      kind: 'refused',
      mayHaveArrived: false,
    });
    expect(stream.destroyed).toBe(true);
  });

  test('that was called off before it began is not sent', async () => {
    const [client, fake] = await start({});
    const failure = client.upload({ ...target, bytes, signal: AbortSignal.abort() });
    await expect(failure).rejects.toMatchObject({ kind: 'aborted', mayHaveArrived: false });
    expect(fake.heard).toHaveLength(0);
  });

  test('can be called off', async () => {
    const [client] = await start({ rawAnswer: () => {} });
    const calling = new AbortController();
    const upload = client.upload({ ...target, bytes, signal: calling.signal });
    calling.abort();
    await expect(upload).rejects.toMatchObject({ kind: 'aborted' });
  });

  test.each([
    { filename: '../a.png' },
    { filename: 'a/b.png' },
    { filename: 'a\r\nx: y' },
    { filename: 'a"b.png' },
    { filename: '' },
    { subfolder: '../x' },
    { subfolder: '/x' },
    { contentType: 'image/png\r\nx: y' },
  ])('with %j is refused before anything is sent', async (part) => {
    const [client, fake] = await start({});
    await expect(client.upload({ ...target, bytes, ...part })).rejects.toMatchObject({
      kind: 'argument',
      mayHaveArrived: false,
    });
    expect(fake.heard).toHaveLength(0);
  });

  test.each(['{}', '{"name": "../../x"}', '{"name": "a/b"}', '{"name": 3}', '<html>'])(
    'answered by %s is malformed',
    async (text) => {
      const [client] = await start({ answer: (_, response) => sendText(response, text) });
      await expect(client.upload({ ...target, bytes })).rejects.toMatchObject({ kind: 'malformed' });
    },
  );

  test('that ComfyUI refuses gives its status', async () => {
    const [client] = await start({ answer: (_, response) => response.writeHead(400).end() });
    await expect(client.upload({ ...target, bytes })).rejects.toMatchObject({ kind: 'status', status: 400 });
  });
});

describe('a view', () => {
  const request = { filename: 'ä b&c.png', subfolder: 'r/1', type: 'output' };

  test('streams the file with what ComfyUI says of it', async () => {
    const [client, fake] = await start({
      answer: (_, response) =>
        response.writeHead(200, { 'content-type': 'image/png', 'content-length': '4', etag: '"x"' }).end('abcd'),
    });
    const file = await client.view(request);
    expect(file).toMatchObject({ status: 200, contentType: 'image/png', sizeBytes: 4, etag: '"x"' });
    expect(String(Buffer.concat(await file.stream.toArray()))).toBe('abcd');
    const url = new URL(fake.heard[0]?.url ?? '', 'http://x');
    expect(Object.fromEntries(url.searchParams)).toEqual(request);
  });

  test('of a part asks for a part', async () => {
    const [client, fake] = await start({
      answer: (_, response) => response.writeHead(206, { 'content-range': 'bytes 1-2/4' }).end('bc'),
    });
    expect((await client.view({ ...request, range: 'bytes=1-2' })).status).toBe(206);
    expect(fake.heard[0]?.headers.range).toBe('bytes=1-2');
  });

  test.each([404, 403, 302, 416])('answered by %i fails with it', async (status) => {
    const [client] = await start({
      answer: (_, response) => response.writeHead(status, { location: '/x' }).end('x'.repeat(100_000)),
    });
    await expect(client.view(request)).rejects.toMatchObject({ kind: 'status', status });
  });

  test('that breaks off fails the stream, so that half a file never looks whole', async () => {
    const [client] = await start({
      answer: (_, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('half', () => response.destroy());
      },
    });
    const { stream } = await client.view(request);
    await expect(stream.toArray()).rejects.toMatchObject({ name: 'ComfyError', kind: 'reset' });
  });

  test('that stands still fails by its idle time-out', async () => {
    const [client] = await start(
      {
        answer: (_, response) => {
          response.writeHead(200, { 'content-length': '1000' });
          response.write('x');
        },
      },
      { timeouts: { idleMs: 300 } },
    );
    const { stream } = await client.view(request);
    await expect(stream.toArray()).rejects.toMatchObject({ kind: 'timeout' });
  });

  test('can be given up without anybody hearing an error', async () => {
    const [client, fake] = await start({
      answer: (_, response) => response.writeHead(200).end(Buffer.alloc(5_000_000)),
    });
    const { stream } = await client.view(request);
    stream.destroy();
    expect((await client.view(request)).status).toBe(200);
    expect(fake.heard).toHaveLength(2);
  });

  test('of 100 MB arrives whole', async () => {
    const block = Buffer.alloc(1024 * 1024, 3);
    const [client] = await start({
      answer: (_, response) => {
        response.writeHead(200);
        Readable.from(Array.from({ length: 100 }, () => block)).pipe(response);
      },
    });
    const { stream, sizeBytes } = await client.view(request);
    const hash = createHash('sha256');
    let seenBytes = 0;
    for await (const chunk of stream) {
      hash.update(chunk);
      seenBytes += chunk.length;
    }
    expect([sizeBytes, seenBytes]).toEqual([undefined, 100 * block.length]);
    expect(hash.digest('hex')).toBe(
      createHash('sha256')
        .update(Buffer.alloc(100 * block.length, 3))
        .digest('hex'),
    );
  });
});
