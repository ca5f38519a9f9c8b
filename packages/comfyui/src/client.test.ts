import { afterEach, describe, expect, test } from 'vitest';
import { type Answer, type FakeComfyui, sendJson, sendText, startFakeComfyui } from '../testing/fake-comfyui.ts';
import { type ComfyClient, createComfyClient } from './client.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function start(answer: Answer): Promise<[ComfyClient, FakeComfyui]> {
  const fake = await startFakeComfyui({ answer });
  const client = createComfyClient({ baseUrl: fake.url, timeouts: { totalMs: 5_000 } });
  open.push(client, fake);
  return [client, fake];
}

describe('the calls', () => {
  test('that change something send what ComfyUI reads', async () => {
    const [client, fake] = await start((_, response) => response.end());
    await client.deletePending('p1');
    await client.deletePending(['p1', 'p2']);
    await client.interrupt('p1');
    await client.forget(['p1']);
    await client.free({ unloadModels: true });
    expect(fake.heard.map(({ url, body }) => [url, JSON.parse(String(body))])).toEqual([
      ['/queue', { delete: ['p1'] }],
      ['/queue', { delete: ['p1', 'p2'] }],
      ['/interrupt', { prompt_id: 'p1' }],
      ['/history', { delete: ['p1'] }],
      ['/free', { unload_models: true, free_memory: false }],
    ]);
  });

  test('with nothing to do send nothing, and an interrupt of nobody never becomes one of everybody', async () => {
    const [client, fake] = await start((_, response) => response.end());
    await client.deletePending([]);
    await client.forget([]);
    await expect(client.interrupt('')).rejects.toMatchObject({ kind: 'argument' });
    await expect(client.history('')).rejects.toMatchObject({ kind: 'argument' });
    expect(fake.heard).toHaveLength(0);
  });

  test('that ask something read what ComfyUI answers', async () => {
    const answers: Record<string, string> = {
      '/prompt': '{"exec_info": {"queue_remaining": 3}}',
      '/queue': '{"queue_running": [[0, "a", {}, {}, []]], "queue_pending": [[1, "b", {"x": NaN}, {}, [], {}]]}',
      '/features': '{"supports_preview_metadata": true, "max_upload_size": 104857600}',
      '/system_stats': '{"system": {"comfyui_version": "0.3.64"}, "devices": []}',
      '/object_info': '{"A": {"input": {"required": {"x": ["FLOAT", {"max": Infinity}]}}}}',
      '/history/a%2Fb': '{"a/b": {"outputs": {}, "status": {"messages": [["execution_success", {}]]}}}',
      '/history/gone': '{}',
    };
    const [client] = await start(({ url }, response) =>
      sendText(response, answers[url] ?? '', answers[url] ? 200 : 404),
    );
    expect(await client.promptCount()).toBe(3);
    expect(await client.queue()).toEqual({ running: ['a'], pending: ['b'] });
    expect(await client.maxUploadBytes()).toBe(104857600);
    expect((await client.systemStats()).comfyuiVersion).toBe('0.3.64');
    const { text, info } = await client.objectInfo();
    expect(text).toBe(answers['/object_info']);
    expect(Object.keys(info)).toEqual(['A']);
    expect((await client.history('a/b'))?.terminal.kind).toBe('success');
    expect(await client.history('gone')).toBeUndefined();
  });

  test('do not take an inherited name for an entry', async () => {
    const [client] = await start((_, response) => sendJson(response, {}));
    expect(await client.history('constructor')).toBeUndefined();
  });
});

describe('an answer that is not ComfyUI’s', () => {
  const asks: [string, (client: ComfyClient) => Promise<unknown>][] = [
    ['queue', (client) => client.queue()],
    ['history', (client) => client.history('p')],
    ['objectInfo', (client) => client.objectInfo()],
    ['systemStats', (client) => client.systemStats()],
    ['promptCount', (client) => client.promptCount()],
    ['maxUploadBytes', (client) => client.maxUploadBytes()],
  ];

  test.each(asks)('%s: a page is malformed', async (_name, ask) => {
    const [client] = await start((_, response) => sendText(response, '<html>hello</html>'));
    await expect(ask(client)).rejects.toMatchObject({ name: 'ComfyError', kind: 'malformed' });
  });

  test.each(asks.slice(0, 5))('%s: JSON of another shape is malformed', async (_name, ask) => {
    for (const body of ['null', '[]', '"x"', '{"p":3,"exec_info":{"queue_remaining":-1}}', '[['.repeat(50_000)]) {
      const [client] = await start((_, response) => sendText(response, body));
      if (_name === 'objectInfo' && body.startsWith('{')) continue;
      await expect(ask(client)).rejects.toMatchObject({ name: 'ComfyError', kind: 'malformed' });
    }
  });

  test.each(asks)(
    '%s: a status other than 200 is an error with it, and redirects are not followed',
    async (_name, ask) => {
      for (const status of [302, 404, 500]) {
        const [client, fake] = await start((_, response) => response.writeHead(status, { location: '/x' }).end('no'));
        await expect(ask(client)).rejects.toMatchObject({ kind: 'status', status });
        expect(fake.heard).toHaveLength(1);
      }
    },
  );

  test('what is not HTTP at all is malformed', async () => {
    const [client] = await start((_, response) => void response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n'));
    await expect(client.promptCount()).rejects.toMatchObject({ kind: 'malformed' });
  });

  test('an endless answer is cut at its cap, and the next call works', async () => {
    let isEndless = true;
    const [client] = await start((_, response) => {
      if (!isEndless) return sendText(response, '{"exec_info": {"queue_remaining": 0}}');
      const block = Buffer.alloc(256 * 1024, 0x20);
      const pour = (): void => void (response.destroyed || response.write(block, pour));
      pour();
    });
    await expect(client.promptCount()).rejects.toMatchObject({ kind: 'too_large' });
    isEndless = false;
    expect(await client.promptCount()).toBe(0);
  });

  test('an answer that drips for ever ends by the total time-out', async () => {
    const fake = await startFakeComfyui({
      answer: (_, response) => {
        const drip = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(drip));
      },
    });
    const client = createComfyClient({ baseUrl: fake.url, timeouts: { totalMs: 200 } });
    open.push(client, fake);
    await expect(client.queue()).rejects.toMatchObject({ kind: 'timeout', mayHaveArrived: true });
  });

  test('with tenants’ graphs or keys in it never gets into an error', async () => {
    const [client] = await start((_, response) => sendText(response, '{"queue_running": [{"api_key": "sk-secret"}'));
    for (const ask of [() => client.queue(), () => client.history('p')]) {
      const error: unknown = await ask().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ kind: 'malformed', bodyHead: undefined });
      expect(error).not.toMatchObject({ message: expect.stringContaining('secret') });
    }
  });
});

test('an address that is no plain http one is refused at once', () => {
  for (const baseUrl of ['', 'ftp://x', 'http://u:p@x', 'http://x/?a', 'file:///etc/passwd']) {
    expect(() => createComfyClient({ baseUrl })).toThrow(expect.objectContaining({ kind: 'argument' }));
  }
});

test('two hundred calls at once share a few connections', async () => {
  let connections = 0;
  const fake = await startFakeComfyui({
    answer: (_, response) => sendJson(response, { exec_info: { queue_remaining: 0 } }),
    onConnection: () => connections++,
  });
  const client = createComfyClient({ baseUrl: fake.url });
  open.push(client, fake);
  await Promise.all(Array.from({ length: 200 }, () => client.promptCount()));
  expect(connections).toBeLessThanOrEqual(6);
});
