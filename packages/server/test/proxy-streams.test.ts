// The instance proxy's streams: large bodies both ways without being held, ends on either side, slow readers, headers.
// routes: proxyInstance
import { createHash, randomBytes } from 'node:crypto';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { type FakeInstance, startFakeInstance } from '../testing/fake-instance.ts';
import { until } from '../testing/until.ts';

const MIB = 1024 * 1024;
const BLOCK = randomBytes(MIB);

let fake: FakeInstance;
let app: TestApp;
let base: string;
/** What the instance has seen of the call under way. */
const seen = { bytes: 0, hash: createHash('sha256'), isAborted: false, isEnded: false };

beforeAll(async () => {
  fake = await startFakeInstance({
    '/models/take'(request, response) {
      Object.assign(seen, { bytes: 0, hash: createHash('sha256'), isAborted: false, isEnded: false });
      request.on('data', (chunk: Buffer) => {
        seen.bytes += chunk.length;
        seen.hash.update(chunk);
      });
      request.on('aborted', () => {
        seen.isAborted = true;
      });
      request.on('end', () => response.end(JSON.stringify({ bytes: seen.bytes, headers: request.headers })));
    },
    '/models/give'(_request, response) {
      Object.assign(seen, { bytes: 0, isAborted: false });
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const more = () => {
        while (seen.bytes < 100 * MIB) {
          seen.bytes += MIB;
          if (!response.write(BLOCK)) return void response.once('drain', more);
        }
        response.end();
      };
      response.on('close', () => {
        seen.isAborted = !response.writableFinished;
      });
      more();
    },
    '/models/break'(_request, response) {
      response.writeHead(200, { 'content-length': String(10 * MIB) });
      response.write(BLOCK, () => response.destroy());
    },
    '/models/headers'(_request, response) {
      response.writeHead(206, 'Partial', {
        'content-type': 'text/odd',
        'content-encoding': 'odd',
        etag: '"x"',
        'content-range': 'bytes 0-1/2',
        'set-cookie': 'a=b',
        'access-control-allow-origin': '*',
        'x-own': 'kept',
        'x-hop': 'dropped',
        connection: 'keep-alive, x-hop',
        location: 'http://10.0.0.1/secret',
      });
      response.end('ab');
    },
  });
  const env = { COMFLEET_COMFYUI: fake.url, COMFLEET_PROXY_ALLOW: '+POST models/*,+DELETE models/*' };
  app = await createTestApp({ emulator: 'none', env });
  const node = { input: {}, output: [], output_node: true };
  const objectInfo = { Show: node } as never;
  const { workflowId, version } = await app.saveWorkflow(
    { '1': { class_type: 'Show', inputs: {} } },
    { object_info: objectInfo },
  );
  const fields = { name: 'a', workflow_id: workflowId, workflow_version: version };
  const id = String((await app.call('/deployments', { method: 'POST', body: fields })).body['id']);
  const [instance] = (await app.call(`/deployments/${id}/instances`)).body['data'] as unknown as [{ id: string }];
  base = `/prod/v2/deployments/${id}/instances/${instance.id}/proxy/models`;
});
afterAll(async () => {
  await app.stop();
  await fake.stop();
});

function open(method: string, path: string, headers: Record<string, string> = {}): ClientRequest {
  const { hostname, port } = new URL(app.url);
  const authorization = `Bearer ${app.token}`;
  return httpRequest({ hostname, port, method, path: `${base}/${path}`, headers: { authorization, ...headers } });
}

const answerOf = (call: ClientRequest) =>
  new Promise<IncomingMessage>((resolve, reject) => call.once('response', resolve).once('error', reject));

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text;
}

it('100 MB up and down pass whole, and never more than the buffers of sockets is on the way', async () => {
  let most = 0;
  const call = open('POST', 'take');
  const answered = answerOf(call);
  const hash = createHash('sha256');
  seen.bytes = 0;
  for (let sent = 1; sent <= 100; sent += 1) {
    hash.update(BLOCK);
    if (!call.write(BLOCK)) await new Promise((resolve) => call.once('drain', resolve));
    most = Math.max(most, sent * MIB - seen.bytes);
  }
  call.end();
  expect(JSON.parse(await textOf(await answered))).toMatchObject({ bytes: 100 * MIB });
  expect(seen.hash.digest('hex')).toBe(hash.digest('hex'));
  let bytes = 0;
  const down = await answerOf(open('GET', 'give').end());
  for await (const chunk of down) {
    bytes += (chunk as Buffer).length;
    most = Math.max(most, seen.bytes - bytes);
  }
  expect(bytes).toBe(100 * MIB);
  expect(most).toBeLessThan(32 * MIB);
}, 60_000);

it('a slow reader holds the instance back instead of filling memory', async () => {
  const answer = await answerOf(open('GET', 'give').end());
  answer.pause();
  let last = -1;
  await until('the sender to stand still', () => {
    const stands = seen.bytes === last && seen.bytes > 0;
    last = seen.bytes;
    return Promise.resolve(stands);
  });
  expect(seen.bytes).toBeLessThan(60 * MIB);
  answer.destroy();
  await until('the end at the instance', () => Promise.resolve(seen.isAborted));
});

it('a caller that goes away in the middle of its body ends the call at the instance', async () => {
  const call = open('POST', 'take', { 'content-length': String(10 * MIB) });
  call.on('error', () => undefined);
  call.write(BLOCK);
  await until('the first bytes', () => Promise.resolve(seen.bytes > 0 && !seen.isEnded));
  call.destroy();
  await until('the end at the instance', () => Promise.resolve(seen.isAborted));
});

it('an answer that breaks off breaks off for the caller, too', async () => {
  const answer = await answerOf(open('GET', 'break').end());
  await expect(textOf(answer)).rejects.toThrow(/aborted|ECONNRESET/);
});

it('what is of the connection, the caller or the origin stays behind; the rest passes as it is', async () => {
  const call = open('POST', 'take', {
    origin: 'http://evil.example',
    cookie: 'a=b',
    'comfy-user': 'other',
    'x-forwarded-for': '1.2.3.4',
    'content-type': 'text/odd',
    'if-none-match': '"x"',
    te: 'trailers',
  });
  const { headers } = JSON.parse(await textOf(await answerOf(call.end('x')))) as { headers: Record<string, string> };
  expect(headers['host']).toBe(new URL(fake.url).host);
  expect(headers).toMatchObject({ 'content-type': 'text/odd', 'if-none-match': '"x"' });
  for (const name of ['authorization', 'origin', 'cookie', 'comfy-user', 'x-forwarded-for', 'te']) {
    expect(headers).not.toHaveProperty(name);
  }
  const answer = await answerOf(open('GET', 'headers').end());
  expect([answer.statusCode, await textOf(answer)]).toEqual([206, 'ab']);
  expect(answer.headers).toMatchObject({
    'content-type': 'text/odd',
    'content-encoding': 'odd',
    etag: '"x"',
    'content-range': 'bytes 0-1/2',
    'x-own': 'kept',
    'x-request-id': expect.any(String),
  });
  for (const name of ['set-cookie', 'access-control-allow-origin', 'x-hop', 'location']) {
    expect(answer.headers).not.toHaveProperty(name);
  }
});
