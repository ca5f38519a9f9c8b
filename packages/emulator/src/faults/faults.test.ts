// Every misbehaviour that can be asked for, seen from outside.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JsonObject } from '@comfleet/comfyui';
import { afterEach, describe, expect, it } from 'vitest';
import type { Crash } from '../runner.ts';
import { dataOf, smallGraph, startEmulator, until } from '../testing/start-emulator.ts';

let server: Awaited<ReturnType<typeof startEmulator>>;
let crashes: Crash[] = [];

afterEach(async () => {
  await server.stop();
});

async function start(faults: unknown = {}, nullExec = true) {
  crashes = [];
  server = await startEmulator({ nullExec, faults, onCrash: (how) => crashes.push(how) });
  return server;
}

const wish = (emulator: JsonObject) => ({ extra_data: { emulator } });
const outcomes = () => server.emulator.executions().map(({ prompt_id, outcome }) => `${prompt_id} ${outcome}`);

describe('faults of connections', () => {
  it('refuses as many requests as asked, on the paths named, and then none', async () => {
    await start({ refuse: { how: 'unavailable', paths: ['/history'], times: 2, skip: 1 } });
    const statuses: number[] = [];
    for (let count = 0; count < 5; count += 1) statuses.push((await server.call('/history/x')).status);
    expect(statuses).toEqual([200, 503, 503, 200, 200]);
    expect((await server.call('/prompt')).status).toBe(200);
  });

  it('breaks the connection of a refused request', async () => {
    await start({ refuse: { times: 1 } });
    await expect(server.call('/prompt')).rejects.toThrow();
    expect((await server.call('/prompt')).status).toBe(200);
  });

  it('shuts its port for a while, as a server that restarts', async () => {
    await start({ refuse: { how: 'closed', ms: 50, times: 1 } });
    await expect(server.call('/prompt')).rejects.toThrow();
    const refused = await server
      .call('/prompt')
      .catch((error: Error) => String((error.cause as NodeJS.ErrnoException).code));
    expect(refused).toBe('ECONNREFUSED');
    await until(() => server.call('/prompt').catch(() => undefined));
  });

  it('leaves a request hanging until the faults are cleared', async () => {
    await start({ hang: 'http' });
    let isAnswered = false;
    const answer = server.call('/prompt').then(() => {
      isAnswered = true;
    });
    expect((await server.call('/emulator/faults')).json()).toEqual({ hang: { where: 'http' } });
    expect(isAnswered).toBe(false);
    await server.call('/emulator/faults', { method: 'DELETE' });
    await answer;
  });

  it('cuts a download short', async () => {
    await start({ view: { cutAfterBytes: 100, times: 1 } });
    const url = '/view?filename=example.png&type=input';
    await expect(server.call(url)).rejects.toThrow();
    expect((await server.call(url)).bytes.length).toBeGreaterThan(100);
  });

  it('sends a download at the rate asked for', async () => {
    await start({ view: { bytesPerSecond: 100_000 } });
    const sizeBytes = Number(
      (await server.call('/view?filename=example.png&type=input', { method: 'HEAD' })).headers.get('content-length'),
    );
    const startedAt = performance.now();
    expect((await server.call('/view?filename=example.png&type=input')).bytes).toHaveLength(sizeBytes);
    expect(performance.now() - startedAt).toBeGreaterThan((sizeBytes / 100_000) * 800);
  });

  it('closes a websocket after some frames, once', async () => {
    await start({ websocket: { closeAfterFrames: 3, times: 1 } });
    const client = await server.listen('cut');
    await server.submit(smallGraph(), { client_id: 'cut', prompt_id: 'cut' });
    await client.closed;
    expect(client.frames).toHaveLength(3);
    await server.ended('cut');
    const next = await server.listen('next');
    await server.submit(smallGraph(), { client_id: 'next', prompt_id: 'next' });
    await until(() => next.types().includes('execution_success'));
  });

  it('keeps a websocket silent', async () => {
    await start({ websocket: { silent: true } });
    const client = await server.listen('silent');
    await server.submit(smallGraph(), { client_id: 'silent', prompt_id: 'silent' });
    await server.ended('silent');
    expect(client.frames).toEqual([]);
  });
});

describe('faults of prompts', () => {
  it('runs a prompt whose reply is cut', async () => {
    await start();
    await expect(server.submit(smallGraph(), { prompt_id: 'cut', ...wish({ replyCut: true }) })).rejects.toThrow();
    expect((await server.ended('cut'))['status']).toMatchObject({ status_str: 'success' });
  });

  it('lets the reply wait', async () => {
    await start({ replyDelay: 60 });
    const from = performance.now();
    await server.submit(smallGraph(), { prompt_id: 'late' });
    expect(performance.now() - from).toBeGreaterThanOrEqual(59);
  });

  it('strikes at each n-th prompt', async () => {
    await start({ replyCut: { every: 2 } });
    const replies = ['first', 'second', 'third', 'fourth'].map((prompt_id) => () => {
      return server.submit(smallGraph(), { prompt_id }).then(
        () => 'whole',
        () => 'cut',
      );
    });
    const seen: string[] = [];
    for (const reply of replies) seen.push(await reply());
    expect(seen).toEqual(['whole', 'cut', 'whole', 'cut']);
  });

  it('writes down what struck a prompt', async () => {
    const executionsFile = path.join(await mkdtemp(path.join(tmpdir(), 'emulator-strikes-')), 'executions.jsonl');
    server = await startEmulator({ nullExec: true, executionsFile, onCrash: () => undefined });
    await server.submit(smallGraph(), { prompt_id: 'dropped', ...wish({ forget: true }) });
    await server.submit(smallGraph(), { prompt_id: 'lied', ...wish({ lie: 'noOutputs' }) });
    await server.ended('lied');
    await server.submit(smallGraph(), { prompt_id: 'fatal', ...wish({ crash: 'end' }) });
    const strikes = async () =>
      (await readFile(executionsFile, 'utf8'))
        .split('\n')
        .filter((line) => line.includes('"fault"'))
        .map((line) => JSON.parse(line));
    await until(async () => ((await strikes()).length === 3 ? true : undefined));
    expect(await strikes()).toMatchObject([
      { fault: 'forget', prompt_id: 'dropped', how: 'queue' },
      { fault: 'lie', prompt_id: 'lied', how: 'noOutputs' },
      { fault: 'crash', prompt_id: 'fatal', how: 'end' },
    ]);
    await rm(path.dirname(executionsFile), { recursive: true });
  });

  it('forgets a prompt that it accepted', async () => {
    await start();
    expect((await server.submit(smallGraph(), { prompt_id: 'never', ...wish({ forget: true }) })).status).toBe(200);
    await server.submit(smallGraph(), { prompt_id: 'untold', ...wish({ forget: 'history' }) });
    await server.submit(smallGraph(), { prompt_id: 'kept' });
    await server.ended('kept');
    expect(outcomes()).toEqual(['untold success', 'kept success']);
    expect(await server.history('untold')).toBeUndefined();
  });

  it.each(['received', 'queued', 'start', 'node', 'save', 'end'])('crashes at %s', async (at) => {
    await start({}, at === 'received' || at === 'queued');
    const reply = server.submit(smallGraph(), { prompt_id: 'crash', ...wish({ crash: { at, signal: 'SIGKILL' } }) });
    reply.catch(() => {}); // the server is stopped with the request open
    await until(() => crashes.length > 0);
    expect(crashes[0]).toEqual({ at, signal: 'SIGKILL' });
    // Here the process lives on, so a prompt that was queued before the crash does run.
    if (at === 'queued') return;
    expect(await server.history('crash')).toBeUndefined();
    expect(outcomes()).toEqual(at === 'received' ? [] : ['crash running']);
  });

  it('stays in the queue for ever when the worker dies, and so does every later prompt', async () => {
    await start();
    await server.submit(smallGraph(), { prompt_id: 'zombie', ...wish({ zombie: true }) });
    await until(() => outcomes()[0] === 'zombie died');
    await server.submit(smallGraph(), { prompt_id: 'later' });
    expect((await server.call('/prompt')).text).toContain('"queue_remaining": 2');
    expect(outcomes()).toEqual(['zombie died']);
  });

  it('hangs in the worker for the time given', async () => {
    await start();
    await server.submit(smallGraph(), { prompt_id: 'hung', ...wish({ hang: { where: 'worker', ms: 30 } }) });
    await server.ended('hung');
    const [execution] = server.emulator.executions();
    expect((execution?.ended_at ?? 0) - (execution?.started_at ?? 0)).toBeGreaterThanOrEqual(29);
  });

  it('runs out of memory in the words of torch', async () => {
    await start({ outOfMemory: { times: 1 } });
    await server.submit(smallGraph(), { prompt_id: 'oom' });
    const text = JSON.stringify(await server.ended('oom'));
    expect(text).toContain('torch.OutOfMemoryError');
    expect(text).toContain('This error means you ran out of memory on your GPU.');
    await server.submit(smallGraph(), { prompt_id: 'fine' });
    expect((await server.ended('fine'))['status']).toMatchObject({ status_str: 'success' });
  });

  it('fails at the node named, with the error asked for', async () => {
    await start({}, false);
    const nodeError = { node: '2', type: 'ValueError', message: 'as you wish' };
    await server.submit(smallGraph(), { prompt_id: 'fails', ...wish({ nodeError }) });
    const { messages } = (await server.ended('fails'))['status'] as { messages: [string, JsonObject][] };
    expect(messages.at(-1)).toMatchObject([
      'execution_error',
      { node_id: '2', exception_type: 'ValueError', executed: ['1'] },
    ]);
  });

  it('takes the service time asked for', async () => {
    await start({ serviceMs: 40 });
    await server.submit(smallGraph(), { prompt_id: 'slow' });
    await server.ended('slow');
    const [execution] = server.emulator.executions();
    expect((execution?.ended_at ?? 0) - (execution?.started_at ?? 0)).toBeGreaterThanOrEqual(39);
  });

  it('takes loading time only when other models are needed', async () => {
    await start({ loadMs: 200 });
    const graph = (model: string) => ({
      ...smallGraph(),
      '9': { class_type: 'PrimitiveString', inputs: { value: model } },
    });
    const models = ['a.safetensors', 'a.safetensors', 'b.safetensors'];
    for (const [index, model] of models.entries()) {
      await server.submit(graph(model), { prompt_id: `load-${index}` });
      await server.ended(`load-${index}`);
    }
    const times = server.emulator.executions().map(({ started_at, ended_at }) => (ended_at ?? 0) - started_at >= 199);
    expect(times).toEqual([true, false, true]);
  });

  it('writes outputs of the size asked for, the same for the same seed', async () => {
    await start({ outputBytes: { bytes: 5000, seed: 7 } }, false);
    await server.submit(smallGraph('one/p'), { prompt_id: 'one' });
    await server.submit(smallGraph('two/p'), { prompt_id: 'two' });
    await server.ended('two');
    const file = (name: string) => readFile(path.join(server.baseDir, 'output', name, 'p_00001_.png'));
    expect(await file('one')).toHaveLength(5000);
    expect((await file('one')).equals(await file('two'))).toBe(true);
  });
});

describe('a wish of a prompt', () => {
  it('is refused when it is not understood', async () => {
    await start();
    const reply = await server.submit(smallGraph(), wish({ crash: 'somewhere' }));
    expect(reply.status).toBe(400);
    expect(reply.json()['error']).toMatchObject({
      type: 'emulator_faults',
      details: expect.stringContaining('crash.at'),
    });
  });

  it('takes away a fault of the server for this prompt', async () => {
    await start({ outOfMemory: true });
    await server.submit(smallGraph(), { prompt_id: 'spared', ...wish({ outOfMemory: null }) });
    expect((await server.ended('spared'))['status']).toMatchObject({ status_str: 'success' });
  });
});

describe('lies', () => {
  it('reports success without outputs', async () => {
    await start({ lie: 'noOutputs' });
    await server.submit(smallGraph(), { prompt_id: 'empty' });
    expect(await server.ended('empty')).toMatchObject({ outputs: {}, status: { status_str: 'success' } });
  });

  it('names files that are not there', async () => {
    await start({ lie: 'missingFiles' }, false);
    await server.submit(smallGraph(), { prompt_id: 'missing' });
    const entry = await server.ended('missing');
    const [file] = (entry['outputs'] as { '2': { images: { filename: string }[] } })['2'].images;
    expect((await server.call(`/view?filename=${file?.filename}&subfolder=test`)).status).toBe(404);
  });

  it('finishes twice', async () => {
    await start({ lie: 'finishTwice' });
    const client = await server.listen('liar');
    await server.submit(smallGraph(), { client_id: 'liar', prompt_id: 'twice' });
    await until(() => client.types().filter((type) => type === 'execution_success').length === 2);
  });

  it('speaks of another prompt', async () => {
    await start({ lie: 'otherPrompt' });
    const client = await server.listen('liar');
    await server.submit(smallGraph(), { client_id: 'liar', prompt_id: 'asked' });
    await until(() => client.types().includes('execution_success'));
    expect(client.frames.some((frame) => dataOf(frame)['prompt_id'] === 'asked')).toBe(false);
    await server.ended('asked');
  });

  it('reports progress after the end', async () => {
    await start({ lie: 'progressAfterEnd' });
    const client = await server.listen('liar');
    await server.submit(smallGraph(), { client_id: 'liar', prompt_id: 'late' });
    await until(() => client.types().at(-1) === 'progress');
    expect(client.types().at(-2)).toBe('executing');
  });
});

describe('POST /emulator/faults', () => {
  it('merges by name, and takes a fault away for null', async () => {
    await start({ serviceMs: 5 });
    const patched = await server.post('/emulator/faults', { replyCut: true, serviceMs: null, crash: 'end' });
    expect(patched.json()).toEqual({ replyCut: {}, crash: { at: 'end' } });
  });

  it.each([
    [{ nope: 1 }, 'unknown fault "nope"'],
    [{ crash: 'somewhere' }, '"crash.at" must be one of received'],
    [{ crash: {} }, '"crash" needs "at"'],
    [{ serviceMs: -1 }, '"serviceMs.ms" must be a number'],
    [{ view: 5 }, '"view" cannot be 5'],
    [[], 'faults must be a JSON object'],
  ])('explains what is wrong with %j', async (patch, problem) => {
    await start();
    const reply = await server.post('/emulator/faults', patch);
    expect(reply.status).toBe(400);
    expect(reply.json()['error']).toContain(problem);
  });
});
