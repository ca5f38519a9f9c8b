import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeComfyui, type FakeOptions, startFakeComfyui } from '../testing/fake-comfyui.ts';
import { until } from '../testing/until.ts';
import { type ComfyClient, type ComfyClientOptions, createComfyClient } from './client.ts';
import type { Frame, Malformed } from './frames.ts';
import type { CloseCause, SocketHandlers } from './socket.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function start(
  options: FakeOptions = {},
  more: Partial<ComfyClientOptions> = {},
): Promise<[ComfyClient, FakeComfyui]> {
  const fake = await startFakeComfyui(options);
  const client = createComfyClient({ baseUrl: fake.url, clientIdPrefix: 'gw-', ...more });
  open.push(client, fake);
  return [client, fake];
}

function listen(): SocketHandlers & { frames: (Frame | Malformed)[]; closes: CloseCause[] } {
  const frames: (Frame | Malformed)[] = [];
  const closes: CloseCause[] = [];
  return { frames, closes, onFrame: (frame) => void frames.push(frame), onClose: (cause) => void closes.push(cause) };
}

describe('a socket', () => {
  test('is open once ComfyUI has spoken, and says its feature flags first', async () => {
    const [client, fake] = await start();
    const ears = listen();
    const socket = await client.connect(ears);
    await until(() => fake.sockets[0]?.messages.length === 1);
    expect(ears.frames[0]).toMatchObject({ type: 'status', sid: socket.clientId });
    expect(JSON.parse(fake.sockets[0]?.messages[0] ?? '')).toEqual({
      type: 'feature_flags',
      data: { supports_preview_metadata: true },
    });
    expect(fake.sockets[0]?.headers.origin).toBeUndefined();
    expect(fake.sockets[0]?.headers['sec-websocket-extensions']).toBeUndefined();
  });

  test('has a client id of its own each time', async () => {
    const [client, fake] = await start();
    const [one, two] = [await client.connect(listen()), await client.connect(listen())];
    expect(one.clientId).toMatch(/^gw-[0-9a-f-]{36}$/);
    expect(one.clientId).not.toBe(two.clientId);
    expect(fake.sockets.map(({ clientId }) => clientId)).toEqual([one.clientId, two.clientId]);
  });

  test('takes the id that ComfyUI gives it when its own got lost on the way', async () => {
    const [client] = await start({ onSocket: (ws) => ws.send('{"type": "status", "data": {"sid": "made-there"}}') });
    expect((await client.connect(listen())).clientId).toBe('made-there');
  });

  test('hands over text, binary and broken frames in their order, and lives on', async () => {
    const [client] = await start({
      onSocket(ws) {
        ws.send('{"type": "status", "data": {}}');
        ws.send(Buffer.from([0, 0, 0, 1, 0, 0, 0, 2, 9]));
        ws.send('not json');
        ws.send(Buffer.from([0x7b, 0xff, 0xfe]), { binary: false });
        ws.send('{"type": "executing", "data": {"node": null, "prompt_id": "p"}}');
      },
    });
    const ears = listen();
    await client.connect(ears);
    await until(() => ears.frames.length === 5);
    expect(ears.frames.map(({ type }) => type)).toEqual(['status', 'preview', 'malformed', 'malformed', 'done']);
    expect(ears.closes).toEqual([]);
  });

  test('that the owner closes reports that once, and ComfyUI sees the end', async () => {
    const [client, fake] = await start();
    const ears = listen();
    const socket = await client.connect(ears);
    socket.close();
    socket.close();
    await until(() => fake.sockets[0]?.ws.readyState === 3);
    expect(ears.closes).toEqual([{ kind: 'local' }]);
  });

  test('that ComfyUI closes reports its code', async () => {
    const [client, fake] = await start();
    const ears = listen();
    await client.connect(ears);
    fake.sockets[0]?.ws.close(1012, 'restart');
    await until(() => ears.closes.length === 1);
    expect(ears.closes).toEqual([{ kind: 'remote', code: 1012, reason: 'restart' }]);
  });

  test('that breaks reports it', async () => {
    const [client, fake] = await start();
    const ears = listen();
    await client.connect(ears);
    fake.sockets[0]?.ws.terminate();
    await until(() => ears.closes.length === 1);
    expect(ears.closes[0]).toMatchObject({ kind: 'remote', code: 1006 });
  });

  test('that closes in the same breath as it opens is still open first and closed then', async () => {
    const [client] = await start({
      onSocket(ws) {
        ws.send('{"type": "status", "data": {}}');
        ws.close(1001);
      },
    });
    const ears = listen();
    await client.connect(ears);
    await until(() => ears.closes.length === 1);
    expect(ears.frames).toHaveLength(1);
  });

  test('that floods is read no faster than agreed, and nothing of it is lost', async () => {
    const frame = `{"type": "status", "data": {"text": "${'x'.repeat(100_000)}"}}`;
    const [client] = await start(
      {
        onSocket(ws) {
          for (let sent = 0; sent < 20; sent += 1) ws.send(frame);
        },
      },
      { socket: { bytesPerSecond: 10_000_000, burstBytes: 1_000_000 } },
    );
    const ears = listen();
    const from = performance.now();
    await client.connect(ears);
    await until(() => ears.frames.length === 20);
    expect(performance.now() - from).toBeGreaterThan(80);
    expect(ears.closes).toEqual([]);
  });

  test('that goes silent is given up', async () => {
    const [client] = await start({ autoPong: false }, { socket: { pingEveryMs: 20, maxSilentPings: 3 } });
    const ears = listen();
    await client.connect(ears);
    await until(() => ears.closes.length === 1);
    expect(ears.closes).toEqual([{ kind: 'silent', silentMs: 60 }]);
  });

  test('that leaves pings unanswered is said to be quiet, and heard again with its next word, before it is given up', async () => {
    const socket = { pingEveryMs: 10, quietPings: 3, maxSilentPings: 1_000 };
    const [client, fake] = await start({ autoPong: false }, { socket });
    const said: string[] = [];
    const ears = {
      ...listen(),
      onQuiet: (silentMs: number) => void said.push(`quiet for ${silentMs}`),
      onHeard: () => void said.push('heard'),
    };
    await client.connect(ears);
    await until(() => said.length === 1);
    expect(said).toEqual(['quiet for 30']);
    fake.sockets[0]?.ws.send('{"type": "status", "data": {}}');
    await until(() => said.length >= 3);
    expect(said.slice(0, 3)).toEqual(['quiet for 30', 'heard', 'quiet for 30']);
    expect(ears.closes).toEqual([]);
  });

  test('that only answers pings stays', async () => {
    let pings = 0;
    const [client] = await start(
      {
        onSocket(ws) {
          ws.send('{"type": "status", "data": {}}');
          ws.on('ping', () => pings++);
        },
      },
      { socket: { pingEveryMs: 10, maxSilentPings: 3 } },
    );
    const ears = listen();
    await client.connect(ears);
    await until(() => pings >= 10);
    expect(ears.closes).toEqual([]);
  });

  test('that sends a monstrous frame is closed, not swallowed', async () => {
    const [client, fake] = await start();
    const ears = listen();
    await client.connect(ears);
    fake.sockets[0]?.ws.send(Buffer.alloc(65 * 1024 * 1024));
    await until(() => ears.closes.length === 1);
    expect(ears.closes[0]).toMatchObject({ kind: 'failed', error: { kind: 'too_large' } });
  });

  test('ends with its client', async () => {
    const [client] = await start();
    const ears = listen();
    await client.connect(ears);
    await client.close();
    expect(ears.closes).toEqual([{ kind: 'local' }]);
  });
});

describe('a socket that does not open', () => {
  test('because nobody listens says so', async () => {
    const [client, fake] = await start();
    await fake.close();
    const ears = listen();
    await expect(client.connect(ears)).rejects.toMatchObject({ name: 'ComfyError', kind: 'refused' });
    expect(ears.closes).toEqual([]);
  });

  test('because ComfyUI never speaks times out', async () => {
    const [client] = await start({ onSocket: () => {} }, { socket: { connectMs: 100 } });
    await expect(client.connect(listen())).rejects.toMatchObject({ kind: 'timeout' });
  });

  test('because the upgrade is never answered times out', async () => {
    const server = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const client = createComfyClient({ baseUrl: `http://127.0.0.1:${port}`, socket: { connectMs: 100 } });
    open.push(client, { close: () => new Promise((resolve) => server.close(() => resolve())) });
    await expect(client.connect(listen())).rejects.toMatchObject({ kind: 'timeout' });
  });

  test('because something else answers gives the status', async () => {
    const [, fake] = await start();
    const client = createComfyClient({ baseUrl: fake.url.replace(/\d+$/, (await startPlain()).toString()) });
    open.push(client);
    await expect(client.connect(listen())).rejects.toMatchObject({ kind: 'status', status: 404 });
  });

  test('because ComfyUI hangs up before it spoke is a reset', async () => {
    const [client] = await start({ onSocket: (ws) => ws.close() });
    await expect(client.connect(listen())).rejects.toMatchObject({ kind: 'reset' });
  });

  test('because the client is closed meanwhile says that', async () => {
    const [client] = await start({ onSocket: () => {} });
    const opening = client.connect(listen());
    const failure = expect(opening).rejects.toMatchObject({ kind: 'closed' });
    await client.close();
    await failure;
  });
});

/** A server that knows no websockets. */
async function startPlain(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ close: () => new Promise((resolve) => server.close(() => resolve())) });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
