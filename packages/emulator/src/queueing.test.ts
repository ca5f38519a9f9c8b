// Queue, history, sessions and interrupts, with pretended execution: what matters here is who runs when and who hears it.
import { afterEach, describe, expect, it } from 'vitest';
import { dataOf, smallGraph, startEmulator, until } from './testing/start-emulator.ts';

let server: Awaited<ReturnType<typeof startEmulator>>;

afterEach(async () => {
  await server.stop();
});

const start = async (faults: unknown = {}) => {
  server = await startEmulator({ nullExec: true, faults });
  return server;
};

const slow = { extra_data: { emulator: { serviceMs: 60_000 } } };

async function queued() {
  const { queue_running, queue_pending } = (await server.call('/queue')).json() as Record<string, [unknown, string][]>;
  const ids = (rows: [unknown, string][] | undefined) => (rows ?? []).map(([, promptId]) => promptId);
  return { running: ids(queue_running), pending: ids(queue_pending) };
}

describe('the queue', () => {
  it('runs the lowest number first, and counts numbers for those who give none', async () => {
    await start();
    await server.submit(smallGraph(), { prompt_id: 'first', ...slow });
    await server.submit(smallGraph(), { prompt_id: 'normal' });
    await server.submit(smallGraph(), { prompt_id: 'late', number: 99 });
    const front = await server.submit(smallGraph(), { prompt_id: 'front', front: true });
    expect(front.text).toContain('"number": -2,');
    expect(await queued()).toEqual({ running: ['first'], pending: ['front', 'late', 'normal'] });
    await server.post('/interrupt', {});
    await server.ended('late');
    expect(server.emulator.executions().map((execution) => execution.prompt_id)).toEqual([
      'first',
      'front',
      'normal',
      'late',
    ]);
  });

  it('forgets a deleted pending prompt without a trace, once per mention of its id', async () => {
    await start();
    await server.submit(smallGraph(), { prompt_id: 'running', ...slow });
    for (let count = 0; count < 3; count += 1) await server.submit(smallGraph(), { prompt_id: 'twin' });
    await server.post('/queue', { delete: ['twin', 'running', 'unknown'] });
    expect(await queued()).toEqual({ running: ['running'], pending: ['twin', 'twin'] });
    await server.post('/queue', { clear: true });
    expect((await server.call('/prompt')).text).toBe('{"exec_info": {"queue_remaining": 1}}');
    expect(await server.history('twin')).toBeUndefined();
  });

  it('interrupts the running prompt when asked for it by id, and no other', async () => {
    await start();
    await server.submit(smallGraph(), { prompt_id: 'running', ...slow });
    await server.submit(smallGraph(), { prompt_id: 'next' });
    await server.post('/interrupt', { prompt_id: 'next' });
    expect((await queued()).running).toEqual(['running']);
    await server.post('/interrupt', { prompt_id: 'running' });
    const entry = await server.ended('running');
    expect(entry['status']).toMatchObject({ status_str: 'error', completed: false });
    expect(JSON.stringify(entry['status'])).toContain('execution_interrupted');
    expect((await server.ended('next'))['status']).toMatchObject({ status_str: 'success' });
  });

  it('loses its worker over two prompts of one number and id, while HTTP lives on', async () => {
    await start();
    await server.submit(smallGraph(), { prompt_id: 'running', number: 0, ...slow });
    await server.submit(smallGraph('a'), { prompt_id: 'same', number: 1 });
    expect((await server.submit(smallGraph('b'), { prompt_id: 'same', number: 1 })).status).toBe(500);
    expect((await queued()).pending).toEqual(['same', 'same']);
  });
});

describe('POST /free', () => {
  it('unloads models once the running prompt has ended', async () => {
    await start({ loadMs: 200 });
    const graph = { ...smallGraph(), '9': { class_type: 'PrimitiveString', inputs: { value: 'a.safetensors' } } };
    for (const prompt_id of ['loads', 'has them', 'loads again']) {
      await server.submit(graph, {
        prompt_id,
        ...(prompt_id === 'has them' ? { extra_data: { emulator: { serviceMs: 20 } } } : {}),
      });
      if (prompt_id === 'has them') await server.post('/free', { unload_models: true });
      await server.ended(prompt_id);
    }
    const times = server.emulator.executions().map(({ started_at, ended_at }) => (ended_at ?? 0) - started_at >= 199);
    expect(times).toEqual([true, false, true]);
  });
});

describe('history', () => {
  it('keeps only the last of two runs with one id', async () => {
    await start();
    await server.submit(smallGraph(), { prompt_id: 'same' });
    await server.submit(smallGraph(), { prompt_id: 'same' });
    await until(async () => ((await server.history('same'))?.['prompt'] as unknown[] | undefined)?.[0] === 1);
    expect(server.emulator.executions()).toHaveLength(2);
  });

  it('drops keys of other services, pages, and forgets on request', async () => {
    await start();
    for (const prompt_id of ['a', 'b', 'c']) {
      await server.submit(smallGraph(), { prompt_id, extra_data: { api_key_comfy_org: 'secret', kept: 1 } });
      await server.ended(prompt_id);
    }
    const ids = async (query: string) => Object.keys((await server.call(`/history${query}`)).json());
    expect((await server.call('/history')).text).not.toContain('secret');
    expect(await ids('?max_items=2')).toEqual(['b', 'c']);
    expect(await ids('?max_items=1&offset=1')).toEqual(['b']);
    await server.post('/history', { delete: ['b'] });
    expect(await ids('')).toEqual(['a', 'c']);
    await server.post('/history', { clear: true });
    expect(await ids('')).toEqual([]);
  });
});

describe('sessions', () => {
  it('sends progress of a prompt without a client to everybody, and nothing else of it', async () => {
    await start();
    const [a, b] = [await server.listen('a'), await server.listen('b')];
    await server.submit(smallGraph(), {
      prompt_id: 'open',
      extra_data: { emulator: { serviceMs: { ms: 2, steps: 2, previews: true } } },
    });
    await until(() => a.types().filter((type) => type === 'status').length >= 4);
    await until(() => b.types().length >= a.types().length);
    expect(new Set(a.types())).toEqual(new Set(['status', 'progress', 'progress_state', 'binary']));
    expect(b.types()).toEqual(a.types());
  });

  it('sends previews with metadata to clients that asked for it, before the progress message', async () => {
    await start();
    const client = await server.listen('flags');
    client.send({ type: 'feature_flags', data: { supports_preview_metadata: true } });
    await until(() => client.types().includes('feature_flags'));
    const more = { client_id: 'flags', extra_data: { emulator: { serviceMs: { ms: 1, steps: 1, previews: true } } } };
    await server.submit(smallGraph(), { prompt_id: 'preview', ...more });
    await until(() => client.types().includes('execution_success'));
    const at = client.types().indexOf('binary');
    expect(client.types()[at + 1]).toBe('progress');
    const frame = client.frames[at] as Buffer;
    expect(frame.readUInt32BE(0)).toBe(4);
    const metadata = JSON.parse(frame.subarray(8, 8 + frame.readUInt32BE(4)).toString());
    expect(metadata).toMatchObject({ node_id: '2', prompt_id: 'preview', image_type: 'image/jpeg' });
  });

  it('goes deaf when an older connection of the same client closes, as ComfyUI does', async () => {
    await start();
    const old = await server.listen('twice');
    await server.submit(smallGraph(), { client_id: 'twice', prompt_id: 'running', ...slow });
    await until(() => old.types().includes('executing'));
    const young = await server.listen('twice');
    await until(() => young.frames.length === 2);
    expect(young.frames[1]).toEqual({ type: 'executing', data: { node: '2' } });
    old.close();
    await old.closed;
    const other = await server.listen('other');
    await server.post('/interrupt', {});
    await until(() => other.types().filter((type) => type === 'status').length === 2);
    expect(young.frames).toHaveLength(2);
  });

  it('gives a name to a client that has none', async () => {
    await start();
    const client = await server.listen('');
    await until(() => client.frames.length === 1);
    expect(dataOf(client.frames[0])['sid']).toMatch(/^[0-9a-f]{32}$/);
  });
});
