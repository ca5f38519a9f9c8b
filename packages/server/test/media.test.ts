// Media inputs: by data URI, by URL, by file name; what is refused, where and when (413001, 422001, 10009).
// routes: submitRequest
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { PHOTO } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, expectFailed } from '../testing/expect-error.ts';
import { useFileServer } from '../testing/file-server.ts';
import { SAMPLED, SAMPLER_CLASSES } from '../testing/node-classes.ts';

/** One white pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);
const PIXEL_NAME = `comfleet/${createHash('sha256').update(PIXEL).digest('hex')}.png`;

const files = useFileServer((request, response) => {
  const path = request.url?.split('?')[0] ?? '';
  if (path === '/pixel') return void response.writeHead(200, { 'content-type': 'text/html' }).end(PIXEL);
  if (path === '/chunked') return void response.writeHead(200).write(PIXEL, () => response.end());
  if (path === '/words') return void response.writeHead(200, { 'content-type': 'image/png' }).end('<html>no</html>');
  if (path === '/large') return void response.end(Buffer.concat([PIXEL, Buffer.alloc(60_000)]));
  if (path === '/large-chunked') {
    response.write(PIXEL);
    return void response.end(Buffer.alloc(60_000));
  }
  if (path === '/slow') return void response.writeHead(200).write(PIXEL.subarray(0, 20));
  if (path === '/cut') {
    response.writeHead(200, { 'content-length': '5000' });
    return void response.write(PIXEL, () => response.destroy());
  }
  if (path === '/empty') return void response.end();
  if (path === '/moved') return void response.writeHead(302, { location: '/pixel' }).end();
  if (path === '/loop') return void response.writeHead(302, { location: '/loop' }).end();
  if (path === '/inwards') return void response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
  response.writeHead(404).end('not here');
});

const app = useTestApp(() => ({
  extraObjectInfo: SAMPLER_CLASSES,
  env: { COMFLEET_ALLOW_PRIVATE_HOSTS: files().host },
  overrides: { maxDataUriBytes: 5_000, maxFetchBytes: 50_000, fetchTimeoutMs: 700 },
}));

const photo = (image: string): JsonObject => ({ overrides: { '1': { inputs: { image } } } });
const dataUri = (bytes: Buffer, mime = 'image/png') => `data:${mime};base64,${bytes.toString('base64')}`;

/** The prompts that the instance really ran, newest last. */
const ranGraphs = (): Record<string, { inputs: JsonObject }>[] =>
  readFileSync(app().executionsFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .flatMap(({ prompt }) => (prompt ? [prompt] : []));

describe('a media input', () => {
  it.each([
    ['as a data URI', () => dataUri(PIXEL)],
    ['as a data URI with a wrong label', () => dataUri(PIXEL, 'video/mp4')],
    ['as a data URI without a label', () => `data:;base64,${PIXEL.toString('base64')}`],
    ['as a data URI with lines', () => dataUri(PIXEL).replace(/(.{40})/g, '$1\n')],
    ['by URL, whatever type the server claims', () => `${files().url}/pixel`],
    ['by URL, of unknown length', () => `${files().url}/chunked`],
    ['by URL, redirected', () => `${files().url}/moved`],
  ])('%s is on the instance before the run', async (_what, image) => {
    const deploymentId = await app().createDeployment(PHOTO);
    const result = await app().run(deploymentId, photo(image()));
    expect(result, JSON.stringify(result)).toMatchObject({ status: 'succeeded' });
    expect(ranGraphs().at(-1)?.['1']?.inputs['image']).toBe(PIXEL_NAME);
    const seen = await fetch(`${app().emulatorUrl}/view?type=input&filename=${PIXEL_NAME.slice(9)}&subfolder=comfleet`);
    expect(Buffer.from(await seen.arrayBuffer()).equals(PIXEL)).toBe(true);
  });

  it('by a bare file name passes untouched', async () => {
    const deploymentId = await app().createDeployment(PHOTO);
    expect(await app().run(deploymentId, photo('example.png'))).toMatchObject({ status: 'succeeded' });
    expect(ranGraphs().at(-1)?.['1']?.inputs['image']).toBe('example.png');
  });

  it('in an inline graph counts as well', async () => {
    const deploymentId = await app().createDeployment(PHOTO);
    const graph = { ...PHOTO, '1': { class_type: 'LoadImage', inputs: { image: dataUri(PIXEL) } } };
    expect(await app().run(deploymentId, { workflow_api_json: graph })).toMatchObject({ status: 'succeeded' });
    expect(ranGraphs().at(-1)?.['1']?.inputs['image']).toBe(PIXEL_NAME);
  });

  it('is not kept in the row, and neither are secrets once the run has ended', async () => {
    const deploymentId = await app().createDeployment(PHOTO);
    const body = { ...photo(dataUri(PIXEL)), extra_data: { api_key_comfy_org: 'sk-secret' } };
    const result = await app().run(deploymentId, body);
    const rows = await app().db.query<{ body: string; extra_data: string | null }>({
      text: 'select body, extra_data from request_payloads where request_id = $1',
      values: [String(result['request_id'])],
    });
    expect(rows[0]?.body).not.toContain('base64');
    expect(rows[0]?.extra_data).toBeNull();
  });

  it('is no media when the input is an ordinary STRING: its URL belongs to the node', async () => {
    const text = `${files().url}/pixel?for=the-node`;
    const deploymentId = await app().createDeployment(SAMPLED);
    const result = await app().run(deploymentId, { overrides: { '3': { inputs: { text } } } });
    expect(result).toMatchObject({ status: 'succeeded' });
    expect(ranGraphs().at(-1)?.['3']?.inputs['text']).toBe(text);
    expect(files().asked).not.toContain('/pixel?for=the-node');
  });
});

describe('media that cannot be used (10009)', () => {
  it.each<[string, string, RegExp]>([
    ['is not there', '/gone?sig=secret', /404/],
    ['is no media', '/words', /no known media type|image/],
    ['is empty', '/empty', /./],
    ['is larger than the limit', '/large', /50000 bytes|too large|larger/],
    ['turns out larger than the limit', '/large-chunked', /50000 bytes|too large|larger/],
    ['does not come in time', '/slow', /time|0\.7/],
    ['breaks off', '/cut', /./],
    ['redirects in a circle', '/loop', /redirect/],
    ['redirects to a private address', '/inwards', /169\.254\.169\.254|private|link-local|refused/],
  ])('because it %s names node, input and URL', async (_what, path, why) => {
    const deploymentId = await app().createDeployment(PHOTO);
    const { details } = expectFailed(await app().run(deploymentId, photo(files().url + path)), 10009);
    expect(details).toContain('Node 1, input image');
    expect(details).toContain(files().url);
    expect(details).toMatch(why);
    expect(details).not.toContain('secret');
  });

  it.each([
    'http://127.0.0.1:9/a.png',
    'https://127.0.0.1/a.png',
    'https://10.0.0.7/a.png?token=secret',
    'https://[::1]/a.png',
    'https://[::ffff:10.0.0.7]/a.png',
    'https://localhost/a.png',
    'http://192.0.66.1/a.png',
    'https://user:secret@10.1.1.1/a.png',
    'https://2130706433/a.png',
  ])('because %s is an address we do not go to', async (url) => {
    const deploymentId = await app().createDeployment(PHOTO);
    const { details } = expectFailed(await app().run(deploymentId, photo(url)), 10009);
    expect(details).toContain('Node 1, input image');
    expect(details).not.toContain('secret');
  });

  it('because an allow-listed address on another port is not allow-listed', async () => {
    let hits = 0;
    const other = createServer((_request, response) => {
      hits += 1;
      response.end(PIXEL);
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}/pixel`;
    const deploymentId = await app().createDeployment(PHOTO);
    expectFailed(await app().run(deploymentId, photo(url)), 10009);
    other.close();
    expect(hits).toBe(0);
  });

  it('is no HTTP error at submit', async () => {
    const deploymentId = await app().createDeployment(PHOTO);
    const path = `/deployments/${deploymentId}/inference`;
    const reply = await app().call(path, { method: 'POST', body: photo('https://10.0.0.7/a.png') });
    expect(reply.status).toBe(200);
  });
});

describe('a data URI over the limit', () => {
  it('gets 413001 that says node, input and limit', async () => {
    const deploymentId = await app().createDeployment(PHOTO);
    const body = photo(dataUri(Buffer.concat([PIXEL, Buffer.alloc(6_000)])));
    const reply = await app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body });
    expect(expectError(reply, 413001).message).toMatch(/Node 1, input image.*5000 bytes/);
  });
});
