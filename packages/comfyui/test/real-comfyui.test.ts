// Every call against a real ComfyUI: `COMFYUI_URL=http://127.0.0.1:8188 npx vitest run packages/comfyui/test`.
// Without that address there is nothing to ask and the suite is not registered.
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Frame, Malformed } from '../src/index.ts';
import {
  type ComfyClient,
  type ComfySocket,
  canInterruptByPrompt,
  collectOutput,
  createComfyClient,
} from '../src/index.ts';
import { until } from '../testing/until.ts';

const baseUrl = process.env.COMFYUI_URL ?? '';

/** A 1×1 PNG. */
const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

function saveGraph(prefix: string, color: number, size = 16): string {
  return JSON.stringify({
    1: { class_type: 'EmptyImage', inputs: { width: size, height: size, batch_size: 1, color } },
    2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: `${prefix}/out` } },
  });
}

/** Keeps the worker busy for a while with core nodes only. */
function slowGraph(prefix: string): string {
  return JSON.stringify({
    1: {
      class_type: 'EmptyImage',
      inputs: { width: 2048, height: 2048, batch_size: 1, color: Math.floor(Math.random() * 0xffffff) },
    },
    2: { class_type: 'SaveImage', inputs: { images: ['9', 0], filename_prefix: `${prefix}/slow` } },
    ...Object.fromEntries(
      Array.from({ length: 7 }, (_, index) => [
        String(index + 3),
        {
          class_type: 'ImageScale',
          inputs: {
            image: [index === 0 ? '1' : String(index + 2), 0],
            upscale_method: 'lanczos',
            width: 2048 + index,
            height: 2048,
            crop: 'disabled',
          },
        },
      ]),
    ),
  });
}

if (baseUrl !== '') {
  describe('a real ComfyUI', { timeout: 60_000 }, () => {
    const client: ComfyClient = createComfyClient({ baseUrl });
    const frames: (Frame | Malformed)[] = [];
    let socket: ComfySocket;

    beforeAll(async () => {
      socket = await client.connect({ onFrame: (frame) => void frames.push(frame), onClose: () => {} });
    });
    afterAll(() => client.close());

    const submit = (promptId: string, graphJson: string) =>
      client.submit({ promptId, clientId: socket.clientId, graphJson });
    const isDone = (promptId: string): boolean =>
      frames.some((frame) => frame.type === 'done' && frame.promptId === promptId);

    test('says what it is', async () => {
      const stats = await client.systemStats();
      expect(canInterruptByPrompt(stats.comfyuiVersion ?? '')).toBe(true);
      expect(await client.maxUploadBytes()).toBeGreaterThan(0);
      expect(await client.promptCount()).toBe(0);
      expect(await client.queue()).toEqual({ running: [], pending: [] });
      const { text, info } = await client.objectInfo();
      expect(info['SaveImage']?.output_node).toBe(true);
      expect(text.startsWith('{')).toBe(true);
    });

    test('runs a graph, tells its story, and gives its file', async () => {
      const promptId = randomUUID();
      expect(await submit(promptId, saveGraph(promptId, 0xff0000))).toEqual({
        kind: 'queued',
        promptId,
        nodeErrors: new Map(),
      });
      await until(() => isDone(promptId), 'the end of the run');
      const types = frames
        .filter((frame) => 'promptId' in frame && frame.promptId === promptId)
        .map(({ type }) => type);
      for (const type of [
        'execution_start',
        'execution_cached',
        'executing',
        'progress_state',
        'executed',
        'execution_success',
      ]) {
        expect(types).toContain(type);
      }
      expect(frames.filter(({ type }) => type === 'malformed' || type === 'unknown')).toEqual([]);
      const progress = frames.findLast((frame) => frame.type === 'progress_state' && frame.promptId === promptId);
      expect(progress?.type === 'progress_state' && progress.parse()).toMatchObject([
        { state: 'finished' },
        { state: 'finished' },
      ]);

      const entry = await client.history(promptId);
      expect(entry?.terminal.kind).toBe('success');
      const [file] = collectOutput(entry?.outputs.get('2')).files;
      if (!file) throw new Error('no file');
      const viewed = await client.view(file);
      const bytes = Buffer.concat(await viewed.stream.toArray());
      expect(viewed).toMatchObject({ status: 200, contentType: 'image/png', sizeBytes: bytes.length });
      expect(bytes.subarray(1, 4).toString()).toBe('PNG');
      const part = await client.view({ ...file, range: 'bytes=1-3' });
      expect([part.status, String(Buffer.concat(await part.stream.toArray()))]).toEqual([206, 'PNG']);

      await client.forget([promptId]);
      expect(await client.history(promptId)).toBeUndefined();
    });

    test('refuses what it cannot run, and says why', async () => {
      const wrongClass = await submit(randomUUID(), '{"1":{"class_type":"NoSuchNode","inputs":{}}}');
      expect(wrongClass).toMatchObject({
        kind: 'refused',
        status: 400,
        error: { type: expect.stringMatching(/invalid_prompt|missing_node_type/) },
      });
      const wrongValue = await submit(randomUUID(), saveGraph('x', 1, -5));
      expect(wrongValue.kind === 'refused' && wrongValue.nodeErrors.get('1')?.errors[0]?.type).toBe(
        'value_smaller_than_min',
      );
      const notFinite = await submit(randomUUID(), saveGraph('x', 1).replace('"width":16', '"width":Infinity'));
      expect(notFinite.kind === 'refused' && notFinite.nodeErrors.get('1')?.errors[0]?.type).toBe('invalid_input_type');
      expect((await submit(randomUUID(), 'null')).kind).toBe('unexpected');
    });

    test('queues a graph with one good output and names the bad one', async () => {
      const promptId = randomUUID();
      const graph = JSON.parse(saveGraph(promptId, 3));
      graph[5] = { class_type: 'SaveImage', inputs: { filename_prefix: 'x' } };
      const outcome = await submit(promptId, JSON.stringify(graph));
      expect(outcome.kind === 'queued' && [...outcome.nodeErrors.keys()]).toEqual(['5']);
      await until(() => isDone(promptId), 'the end of the run');
    });

    test('takes bytes and streams, renames without overwrite, and uses what it took', async () => {
      const subfolder = `r/${randomUUID()}`;
      const target = {
        filename: 'päd.png',
        subfolder,
        type: 'input',
        overwrite: false,
        contentType: 'image/png',
      } as const;
      expect(await client.upload({ ...target, bytes: pixel })).toEqual({ name: 'päd.png', subfolder, type: 'input' });
      const other = Buffer.concat([pixel, Buffer.from('more')]);
      const second = await client.upload({ ...target, stream: Readable.from([other]), sizeBytes: other.length });
      expect(second.name).toBe('päd (1).png');
      const viewed = await client.view({ filename: second.name, subfolder, type: 'input' });
      expect(Buffer.concat(await viewed.stream.toArray()).equals(other)).toBe(true);

      const promptId = randomUUID();
      const image = `${subfolder}/${second.name}`;
      const graph = {
        1: { class_type: 'LoadImage', inputs: { image } },
        2: { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
      };
      expect((await submit(promptId, JSON.stringify(graph))).kind).toBe('queued');
      await until(() => isDone(promptId), 'the end of the run');
      expect((await client.history(promptId))?.terminal.kind).toBe('success');
    });

    test('refuses an upload beyond its limit, and the next call works', async () => {
      const sizeBytes = 101 * 1024 * 1024;
      const block = Buffer.alloc(1024 * 1024);
      const stream = Readable.from(Array.from({ length: 101 }, () => block));
      const target = {
        filename: 'big.bin',
        subfolder: '',
        type: 'input',
        overwrite: true,
        contentType: 'application/octet-stream',
      } as const;
      await expect(client.upload({ ...target, stream, sizeBytes })).rejects.toMatchObject({ name: 'ComfyError' });
      expect(await client.promptCount()).toBe(0);
    });

    test('reports a node that fails', async () => {
      const promptId = randomUUID();
      const graph = { 1: { class_type: 'SaveImage', inputs: { images: 'no image', filename_prefix: promptId } } };
      expect((await submit(promptId, JSON.stringify(graph))).kind).toBe('queued');
      await until(() => isDone(promptId), 'the end of the run');
      const entry = await client.history(promptId);
      expect(entry?.terminal).toMatchObject({ kind: 'error', error: { nodeId: '1', nodeType: 'SaveImage' } });
      expect(frames.find((frame) => frame.type === 'execution_error')).toMatchObject({ promptId, isTerminal: true });
    });

    test('interrupts the running prompt and takes out the pending one', async () => {
      const [running, pending] = [randomUUID(), randomUUID()];
      await submit(running, slowGraph(running));
      await submit(pending, slowGraph(pending));
      await until(() => frames.some((frame) => frame.type === 'executing' && frame.promptId === running), 'the start');
      expect(await client.queue()).toEqual({ running: [running], pending: [pending] });
      await client.deletePending(pending);
      await client.interrupt(running);
      await until(() => isDone(running), 'the end of the run');
      expect((await client.history(running))?.terminal.kind).toBe('interrupted');
      expect(await client.history(pending)).toBeUndefined();
      expect(await client.queue()).toEqual({ running: [], pending: [] });
    });

    test('knows no such file', async () => {
      await expect(client.view({ filename: 'none.png', subfolder: '', type: 'output' })).rejects.toMatchObject({
        status: 404,
      });
      await expect(client.view({ filename: '../x', subfolder: '', type: 'output' })).rejects.toMatchObject({
        kind: 'status',
      });
      await client.free({ unloadModels: true, freeMemory: true });
    });
  });
} else {
  test('without COMFYUI_URL no real ComfyUI is asked', () => expect(baseUrl).toBe(''));
}
