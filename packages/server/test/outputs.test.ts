// The files of a run: how outputs are told, where they are found, how they are downloaded.
// routes: getFile, headFile
import { createHash } from 'node:crypto';
import type { JsonObject } from '@comfleet/comfyui';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, expectFailed } from '../testing/expect-error.ts';

const app = useTestApp({ emulator: 'executing' });

interface Item {
  readonly url: string;
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

const itemsOf = (result: JsonObject, nodeId: string, key = 'images'): Item[] =>
  (result['outputs'] as unknown as Record<string, Record<string, Item[]>>)[nodeId]?.[key] ?? [];

const picture = (color: number, more: JsonObject = {}): JsonObject => ({
  '1': { class_type: 'EmptyImage', inputs: { width: 24, height: 24, batch_size: 1, color } },
  ...more,
});
const save = (filename_prefix: string): JsonObject => ({
  class_type: 'SaveImage',
  inputs: { images: ['1', 0], filename_prefix },
});

afterEach(() => app().emulator.faults.clear());

describe('outputs', () => {
  it('name the files as the graph asked for them, each with its URL', async () => {
    const graph = picture(1, { '2': save('cats/black/cat'), '3': save('plain'), '38:42': save('mixed/%width%') });
    const result = await app().run(await app().createDeployment(graph));
    const base = `${app().url}/deployment_requests/${result['request_id']}/output`;
    expect(itemsOf(result, '2')).toEqual([
      { url: `${base}/cats/black/cat_00001_.png`, filename: 'cat_00001_.png', subfolder: 'cats/black', type: 'output' },
    ]);
    expect(itemsOf(result, '3')).toEqual([
      { url: `${base}/plain_00001_.png`, filename: 'plain_00001_.png', subfolder: '', type: 'output' },
    ]);
    expect(itemsOf(result, '38:42')).toMatchObject([{ filename: '24_00001_.png', subfolder: 'mixed' }]);
    for (const id of ['2', '3', '38:42']) expect((await fetch(itemsOf(result, id)[0]?.url ?? '')).status).toBe(200);
  });

  it('pass every key of ComfyUI on, text and previews too', async () => {
    const graph = picture(2, {
      '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
      '3': { class_type: 'PreviewAny', inputs: { source: ['4', 0] } },
      '4': { class_type: 'PrimitiveString', inputs: { value: 'hello "world" \u00e9' } },
    });
    const result = await app().run(await app().createDeployment(graph));
    const [item] = itemsOf(result, '2');
    expect(item).toMatchObject({ type: 'temp', subfolder: '' });
    expect(item?.url).toContain(`/deployment_requests/${result['request_id']}/temp/`);
    expect((await fetch(item?.url ?? '')).status).toBe(200);
    expect(result['outputs']).toMatchObject({ '3': { text: ['hello "world" \u00e9'] } });
  });

  it('of identical runs are each found under their own request', async () => {
    const deploymentId = await app().createDeployment(picture(3, { '2': save('same') }));
    const results = [await app().run(deploymentId), await app().run(deploymentId), await app().run(deploymentId)];
    const hashes: string[] = [];
    for (const result of results) {
      expect(result).toMatchObject({ status: 'succeeded' });
      expect(Object.keys(result)).not.toContain('error');
      const [item] = itemsOf(result, '2');
      expect(item?.filename).toBe('same_00001_.png');
      expect(item?.url).toContain(String(result['request_id']));
      const bytes = Buffer.from(await (await fetch(item?.url ?? '')).arrayBuffer());
      hashes.push(createHash('sha256').update(bytes.subarray(0, 33)).digest('hex'));
    }
    expect(new Set(hashes).size).toBe(1);
  });

  it('are not read half: a back end that cuts its files off gets 10006, one that recovers does not', async () => {
    const deploymentId = await app().createDeployment(picture(4, { '2': save('cut') }));
    app().emulator.faults.merge({ view: { cutAfterBytes: 40 } });
    expectFailed(await app().run(deploymentId), 10006);
    app().emulator.faults.merge({ view: { cutAfterBytes: 40, times: 8 } });
    const result = await app().run(deploymentId);
    expect(result).toMatchObject({ status: 'succeeded' });
  });

  it('that would lead out of their folder fail as in ComfyUI', async () => {
    const result = await app().run(await app().createDeployment(picture(5, { '2': save('../out') })));
    expectFailed(result, 10011);
  });
});

describe('a file', () => {
  let url = '';
  let bytes = Buffer.alloc(0);

  beforeAll(async () => {
    const result = await app().run(await app().createDeployment(PICTURE));
    url = itemsOf(result, '2')[0]?.url ?? '';
    bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
  });

  it('needs no token, and takes one', async () => {
    for (const headers of [{}, { authorization: `Bearer ${app().token}` }, { authorization: 'Bearer wrong' }]) {
      const reply = await fetch(url, { headers });
      expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'image/png']);
      expect(Buffer.from(await reply.arrayBuffer()).equals(bytes)).toBe(true);
    }
    expect((await fetch(url, { headers: { 'user-agent': 'python-requests/2' } })).status).toBe(200);
  });

  it('is safe to open: its type is not guessed, and it sets no cookie', async () => {
    const reply = await fetch(url);
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
    expect(reply.headers.get('content-security-policy')).toContain('sandbox');
    expect(reply.headers.get('set-cookie')).toBeNull();
  });

  it('answers HEAD with the headers of GET and no body', async () => {
    const reply = await fetch(url, { method: 'HEAD' });
    expect([reply.status, reply.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
    expect((await reply.arrayBuffer()).byteLength).toBe(0);
    expect(reply.headers.get('accept-ranges')).toBe('bytes');
  });

  it('is not sent again to who has it', async () => {
    const etag = (await fetch(url)).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[^"]+"$/);
    const same = await fetch(url, { headers: { 'if-none-match': etag } });
    expect([same.status, (await same.arrayBuffer()).byteLength]).toEqual([304, 0]);
    expect((await fetch(url, { headers: { 'if-none-match': '"another"' } })).status).toBe(200);
  });

  it.each([
    ['bytes=0-9', 0, 10],
    ['bytes=10-', 10, undefined],
    ['bytes=-7', -7, undefined],
    ['bytes=5-999999', 5, undefined],
  ])('answers Range %s with that part', async (range, start, end) => {
    const reply = await fetch(url, { headers: { range } });
    const part = bytes.subarray(start, end);
    expect(reply.status).toBe(206);
    expect(Buffer.from(await reply.arrayBuffer()).equals(part)).toBe(true);
    const first = start < 0 ? bytes.length + start : start;
    expect(reply.headers.get('content-range')).toBe(`bytes ${first}-${first + part.length - 1}/${bytes.length}`);
  });

  it('answers a Range beyond its end with 416', async () => {
    const reply = await fetch(url, { headers: { range: 'bytes=999999-' } });
    expect([reply.status, reply.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`]);
  });

  it('larger than a row is stored apart and served alike', async () => {
    const graph = {
      '1': { class_type: 'LoadImage', inputs: { image: 'example.png' } },
      '2': {
        class_type: 'ImageScaleBy',
        inputs: { image: ['1', 0], upscale_method: 'bilinear', scale_by: 2 },
      },
      '3': { class_type: 'SaveImage', inputs: { images: ['2', 0], filename_prefix: 'large' } },
    };
    const result = await app().run(await app().createDeployment(graph));
    const large = itemsOf(result, '3')[0]?.url ?? '';
    const whole = Buffer.from(await (await fetch(large)).arrayBuffer());
    expect(whole.length).toBeGreaterThan(20_000);
    const part = await fetch(large, { headers: { range: 'bytes=100-199' } });
    expect([part.status, Buffer.from(await part.arrayBuffer()).equals(whole.subarray(100, 200))]).toEqual([206, true]);
    expect((await fetch(large, { method: 'HEAD' })).headers.get('content-length')).toBe(String(whole.length));
  });

  it('that is no longer kept gets 404001', async () => {
    const result = await app().run(await app().createDeployment(PICTURE));
    const gone = itemsOf(result, '2')[0]?.url ?? '';
    await app().db.query({
      text: 'delete from request_files where request_id = $1',
      values: [String(result['request_id'])],
    });
    expectError(await app().call(`/${new URL(gone).pathname}`), 404001);
    // The result itself stays.
    const rows = await app().db.query<{ state: string }>({
      text: 'select state from requests where id = $1',
      values: [String(result['request_id'])],
    });
    expect(rows).toMatchObject([{ state: 'succeeded' }]);
  });
});
