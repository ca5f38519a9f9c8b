// Starts an emulator in this process for one test, and gives short words for talking to it. Used by *.test.ts here.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '@comfleet/comfyui';
import { WebSocket } from 'ws';
import { createEmulator, type EmulatorOptions } from '../emulator.ts';

export interface Reply {
  status: number;
  headers: Headers;
  bytes: Buffer;
  text: string;
  json(): JsonObject;
}

export interface Listener {
  /** Text frames parsed, binary ones as they came. */
  frames: (JsonObject | Buffer)[];
  types(): string[];
  send(message: JsonValue): void;
  close(): void;
  closed: Promise<void>;
}

export async function startEmulator(options: Partial<EmulatorOptions> = {}) {
  const baseDir = options.baseDir ?? (await mkdtemp(path.join(tmpdir(), 'emulator-test-')));
  const emulator = createEmulator({ baseDir, ...options });
  const { port } = await emulator.start();
  const base = `http://127.0.0.1:${port}`;

  async function call(target: string, init: RequestInit = {}): Promise<Reply> {
    const response = await fetch(base + target, init);
    const bytes = Buffer.from(await response.arrayBuffer());
    const text = bytes.toString();
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      text,
      json: () => parseJson(text) as JsonObject,
    };
  }

  const post = (target: string, body: JsonValue) => call(target, { method: 'POST', body: stringifyJson(body) });
  const history = async (promptId: string) =>
    (await call(`/history/${promptId}`)).json()[promptId] as JsonObject | undefined;

  return {
    emulator,
    baseDir,
    base,
    call,
    post,
    history,
    submit: (prompt: JsonValue, more: JsonObject = {}) => post('/prompt', { prompt, ...more }),
    ended: (promptId: string) => until(async () => await history(promptId)),
    listen: (clientId: string) => listen(`ws://127.0.0.1:${port}/ws?clientId=${clientId}`),
    async stop() {
      await emulator.stop();
      await rm(baseDir, { recursive: true, force: true });
    },
  };
}

async function listen(url: string): Promise<Listener> {
  const socket = new WebSocket(url);
  const frames: (JsonObject | Buffer)[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    frames.push(isBinary ? data : (parseJson(data.toString()) as JsonObject));
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
  return {
    frames,
    types: () => frames.map((frame) => (Buffer.isBuffer(frame) ? 'binary' : String(frame['type']))),
    send: (message) => socket.send(stringifyJson(message)),
    close: () => socket.close(),
    closed,
  };
}

/** Asks again until there is an answer; fails after a few seconds. */
export async function until<T>(ask: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`never came true: ${ask}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const emptyImage = (color = 255, side = 16): JsonObject => ({
  class_type: 'EmptyImage',
  inputs: { width: side, height: side, batch_size: 1, color },
});

export const saveImage = (from: string, prefix = 'test/p'): JsonObject => ({
  class_type: 'SaveImage',
  inputs: { images: [from, 0], filename_prefix: prefix },
});

export const smallGraph = (prefix?: string): JsonObject => ({ '1': emptyImage(), '2': saveImage('1', prefix) });

export const dataOf = (frame: JsonObject | Buffer | undefined): JsonObject =>
  frame === undefined || Buffer.isBuffer(frame) ? {} : (frame['data'] as JsonObject);
