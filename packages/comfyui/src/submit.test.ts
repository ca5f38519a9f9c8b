import { createServer } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeComfyui, type FakeOptions, sendJson, sendText, startFakeComfyui } from '../testing/fake-comfyui.ts';
import { type ComfyClient, type ComfyClientOptions, createComfyClient } from './client.ts';
import type { Submission } from './submit.ts';

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

function clientOf(baseUrl: string, more: Partial<ComfyClientOptions> = {}): ComfyClient {
  const client = createComfyClient({ baseUrl, ...more });
  open.push(client);
  return client;
}

const submission: Submission = {
  promptId: 'p1',
  clientId: 'c"1',
  graphJson: '{"1":{"class_type":"A","inputs":{"s":18446744073709551615}}}',
};

describe('a submission', () => {
  test('sends the graph’s text as it is, its own ids, and never a number', async () => {
    const [client, fake] = await start({
      answer: (_, response) => sendJson(response, { prompt_id: 'p1', number: 0, node_errors: {} }),
    });
    expect(await client.submit({ ...submission, extraDataJson: '{"a":1.0}' })).toEqual({
      kind: 'queued',
      promptId: 'p1',
      nodeErrors: new Map(),
    });
    expect(fake.heard[0]).toMatchObject({ method: 'POST', url: '/prompt' });
    expect(fake.heard[0]?.headers['content-type']).toBe('application/json');
    expect(fake.heard[0]?.headers['origin']).toBeUndefined();
    expect(String(fake.heard[0]?.body)).toBe(
      `{"prompt":${submission.graphJson},"prompt_id":"p1","client_id":"c\\"1","extra_data":{"a":1.0}}`,
    );
  });

  test('takes the graph in pieces and goes to the address’s own path', async () => {
    const fake = await startFakeComfyui({ answer: (_, response) => sendJson(response, { prompt_id: 'p1' }) });
    open.push(fake);
    const client = clientOf(`${fake.url}/behind/a/door/`, { headers: { authorization: 'Bearer x' } });
    await client.submit({ ...submission, graphJson: [Buffer.from('{"1":'), Buffer.from('{}}')] });
    expect(fake.heard[0]?.url).toBe('/behind/a/door/prompt');
    expect(fake.heard[0]?.headers.authorization).toBe('Bearer x');
    expect(String(fake.heard[0]?.body)).toBe('{"prompt":{"1":{}},"prompt_id":"p1","client_id":"c\\"1"}');
  });

  test('that is queued with node errors says which outputs were dropped', async () => {
    const node_errors = {
      9: {
        errors: [{ type: 'value_not_in_list', message: 'm', details: 'd', extra_info: { input_name: 'x' } }],
        dependent_outputs: ['9'],
        class_type: 'SaveImage',
      },
      10: null,
    };
    const [client] = await start({ answer: (_, response) => sendJson(response, { prompt_id: 'p1', node_errors }) });
    const outcome = await client.submit(submission);
    expect(outcome.kind === 'queued' && outcome.nodeErrors.get('9')).toEqual({
      classType: 'SaveImage',
      errors: [{ type: 'value_not_in_list', message: 'm', details: 'd', extraInfo: { input_name: 'x' } }],
      dependentOutputs: ['9'],
    });
    expect(outcome.kind === 'queued' && outcome.nodeErrors.get('10')).toEqual({
      classType: undefined,
      errors: [],
      dependentOutputs: [],
    });
  });

  test('that is refused carries the verdict, also with python’s Infinity in it', async () => {
    const text =
      '{"error": {"type": "prompt_outputs_failed_validation", "message": "m", "details": "", "extra_info": {}}, "node_errors": {"1": {"errors": [{"type": "t", "extra_info": {"received_value": Infinity}}]}}}';
    const [client] = await start({ answer: (_, response) => sendText(response, text, 400) });
    const outcome = await client.submit(submission);
    expect(outcome).toMatchObject({
      kind: 'refused',
      status: 400,
      error: { type: 'prompt_outputs_failed_validation' },
    });
    expect(outcome.kind === 'refused' && outcome.nodeErrors.get('1')?.errors[0]?.type).toBe('t');
  });

  test('that is too large is refused', async () => {
    const [client] = await start({
      answer: (_, response) => sendText(response, 'Maximum request body size 104857600 exceeded.', 413),
    });
    expect(await client.submit(submission)).toMatchObject({
      kind: 'refused',
      status: 413,
      error: { type: 'body_too_large' },
    });
  });

  test.each([
    [500, '500 Internal Server Error'],
    [200, '<html>welcome</html>'],
    [200, '{"prompt_id": 7}'],
    [200, '{"prompt_id": "p1", "num'],
    [200, ''],
    [400, '<html>bad gateway</html>'],
    [404, '{"error": {"type": "x"}}'],
    [302, ''],
    [503, 'starting'],
  ])('that is answered by %i %j has no verdict', async (status, body) => {
    const [client, fake] = await start({
      answer: (_, response) => response.writeHead(status, { location: '/elsewhere' }).end(body),
    });
    expect(await client.submit(submission)).toEqual({ kind: 'unexpected', status, body });
    expect(fake.heard).toHaveLength(1);
  });

  test('has an outcome for every answer that is JSON', async () => {
    let answer: [number, string] = [200, ''];
    const [client] = await start({ answer: (_, response) => sendText(response, answer[1], answer[0]) });
    const status = fc.constantFrom(200, 400, 413, 500);
    const verdict = fc.record({ error: fc.jsonValue(), node_errors: fc.jsonValue(), prompt_id: fc.jsonValue() });
    await fc.assert(
      fc.asyncProperty(status, fc.oneof(fc.jsonValue(), verdict), async (code, value) => {
        answer = [code, JSON.stringify(value)];
        const { kind } = await client.submit(submission);
        expect(['queued', 'refused', 'unexpected']).toContain(kind);
      }),
    );
  });

  test('without ids is a mistake of the caller', async () => {
    const [client, fake] = await start({});
    await expect(client.submit({ ...submission, promptId: '' })).rejects.toMatchObject({ kind: 'argument' });
    expect(fake.heard).toHaveLength(0);
  });
});

describe('whether an unanswered submission may have arrived', () => {
  test('no, when nobody listens', async () => {
    const fake = await startFakeComfyui();
    await fake.close();
    expect(await clientOf(fake.url).submit(submission)).toMatchObject({
      kind: 'unreachable',
      reason: 'refused',
      mayHaveArrived: false,
    });
  });

  test('no, when the host has no address', async () => {
    const outcome = await clientOf('http://no-such-host.invalid:1').submit(submission);
    expect(outcome).toMatchObject({ kind: 'unreachable', reason: 'dns', mayHaveArrived: false });
  });

  test('yes, when the connection broke after it was sent', async () => {
    const [client] = await start({ answer: (_, response) => response.destroy() });
    expect(await client.submit(submission)).toMatchObject({
      kind: 'unreachable',
      reason: 'reset',
      mayHaveArrived: true,
    });
  });

  test('yes, when the answer broke off', async () => {
    const [client] = await start({
      answer: (_, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"prompt_id"', () => response.destroy());
      },
    });
    expect(await client.submit(submission)).toMatchObject({ kind: 'unreachable', mayHaveArrived: true });
  });

  test('yes, when no answer came in time', async () => {
    const [client] = await start({ answer: () => {} }, { timeouts: { totalMs: 100 } });
    expect(await client.submit(submission)).toMatchObject({
      kind: 'unreachable',
      reason: 'timeout',
      mayHaveArrived: true,
    });
  });

  test('no, when what listens there never completes a handshake', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push({ close: () => new Promise((resolve) => server.close(() => resolve())) });
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const outcome = await clientOf(`https://127.0.0.1:${port}`).submit(submission);
    expect(outcome).toMatchObject({ kind: 'unreachable', mayHaveArrived: false });
  });

  test('after the client was closed: no', async () => {
    const [client] = await start({});
    await client.close();
    expect(await client.submit(submission)).toMatchObject({
      kind: 'unreachable',
      reason: 'closed',
      mayHaveArrived: false,
    });
  });
});
