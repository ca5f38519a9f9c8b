// GET …/requests/{r}/events: what a follower of a request is told, from the queue to the end.
// routes: getRequestEvents
import { check, REQUEST_EVENTS, type RequestEventName } from '@comfleet/api';
import type { JsonObject } from '@comfleet/comfyui';
import { afterEach, describe, expect, it } from 'vitest';
import { PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { type EventReader, readEvents } from '../testing/event-reader.ts';
import { expectError } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

const TICK_MS = 10;
const app = useTestApp({ emulator: 'executing', overrides: { eventTickMs: TICK_MS } });
const slow = (ms: number, more: JsonObject = {}): JsonObject => ({
  extra_data: { emulator: { serviceMs: { ms, ...more } } },
});

let open: EventReader[] = [];
afterEach(async () => {
  for (const reader of open) reader.close();
  open = [];
  await app().cancelAll();
});

interface Where {
  readonly deploymentId: string;
  readonly requestId: string;
  readonly version?: 'v1' | 'v2';
}

const urlOf = ({ deploymentId, requestId, version = 'v2' }: Where) =>
  `${app().url}/prod/${version}/deployments/${deploymentId}/requests/${requestId}/events`;

async function follow(where: Where, options: { lastEventId?: string; method?: string } = {}): Promise<EventReader> {
  const reader = await readEvents(urlOf(where), { token: app().token, ...options });
  open.push(reader);
  return reader;
}

async function submit(body: JsonObject = {}, graph: JsonObject = PICTURE): Promise<Where> {
  const deploymentId = await app().createDeployment(graph);
  return { deploymentId, requestId: await app().submit(deploymentId, body) };
}

const names = (reader: EventReader) => reader.events.map(({ event }) => event);

describe('a follower of a request', () => {
  it('is told status, progress, previews and outputs in order, and the end', async () => {
    // Followed before it begins: it waits behind another.
    const before = await submit(slow(60_000));
    const where = await submit(slow(900, { steps: 3, previews: true }));
    const reader = await follow(where);
    await app().cancel(before.deploymentId, before.requestId);
    const events = await reader.untilEnded();
    expect(reader.status).toBe(200);
    expect(reader.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-request-id': expect.any(String),
    });
    for (const { event, data } of events) {
      const schema = REQUEST_EVENTS[event as RequestEventName];
      expect(check(schema, data, [])).toEqual([]);
      expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(data)));
    }
    expect(reader.named('status').at(0)).toHaveProperty('status');
    expect(reader.named('status').at(-1)).toEqual({ status: 'completed', instance_id: expect.any(String) });
    const progress = reader.named('progress');
    const values = progress.map(({ value }) => Number(value));
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(progress).toContainEqual(
      expect.objectContaining({
        nodes_total: 2,
        current_node: '1',
        current_node_class: 'EmptyImage',
        step: 1,
        steps: 3,
        message: 'EmptyImage (node 1): step 1 of 3',
      }),
    );
    expect(progress.at(-1)).toMatchObject({ value: 1, nodes_done: 2, nodes_total: 2 });
    const [preview] = reader.named('preview');
    expect(preview).toMatchObject({ node_id: '1', content_type: 'image/jpeg' });
    expect(Buffer.from(String(preview?.['data_base64']), 'base64').subarray(0, 2).toString('hex')).toBe('ffd8');
    expect(names(reader).slice(-3)).toEqual(['status', 'output', 'end']);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  });

  it('is told each file with an address that is readable by then', async () => {
    const reader = await follow(await submit());
    await reader.untilEnded();
    const [output] = reader.named('output');
    const reply = await fetch(String(output?.['url']));
    expect(output).toEqual({
      node_id: '2',
      filename: 'one_00001_.png',
      subfolder: 'pictures',
      type: 'output',
      url: expect.stringMatching(/^http:.*\/output\/pictures\/one_00001_\.png$/),
      content_type: 'image/png',
      size_bytes: (await reply.arrayBuffer()).byteLength,
    });
    expect(reply.status).toBe(200);
    expect(reader.named('end')).toEqual([{ status: 'succeeded' }]);
  });

  it('of a request that has ended is told everything at once', async () => {
    const where = await submit();
    await app().untilEnded(where.deploymentId, where.requestId);
    const reader = await follow(where);
    await reader.untilEnded();
    expect(names(reader)).toEqual(['status', 'output', 'end']);
    expect(reader.text()).toMatch(/^retry: \d+\n\n/);
  });

  it('is told of a failure with its errors, and of a cancel in the words of the version', async () => {
    const failed = await follow(await submit({ extra_data: { emulator: { nodeError: true } } }));
    await failed.untilEnded();
    expect(failed.named('end')).toEqual([{ status: 'failed', error: [expect.objectContaining({ errorCode: 10011 })] }]);
    expect(failed.named('status').at(-1)).toMatchObject({ status: 'completed' });
    const where = await submit(slow(60_000));
    const readers = [await follow({ ...where, version: 'v1' }), await follow(where)];
    await readers[0]?.waitFor('status', ({ status }) => status === 'in_progress');
    await app().cancel(where.deploymentId, where.requestId);
    for (const [index, word] of ['canceled', 'cancelled'].entries()) {
      await readers[index]?.untilEnded();
      expect(readers[index]?.named('end')).toEqual([{ status: word }]);
      expect(readers[index]?.named('status').at(-1)).toMatchObject({ status: word });
    }
  });

  it('is told the end when the deployment is deleted, and gets 10003 from then on', async () => {
    const where = await submit(slow(60_000));
    const reader = await follow(where);
    await app().call(`/deployments/${where.deploymentId}`, { method: 'DELETE' });
    await reader.untilEnded();
    expect(reader.named('end')).toMatchObject([{ status: 'failed', error: [{ errorCode: 10003 }] }]);
    const path = `/deployments/${where.deploymentId}/requests/${where.requestId}/events`;
    expectError(await app().call(path), 10003);
  });

  it('hears of its place in the queue while it moves', async () => {
    const deploymentId = await app().createDeployment();
    const first = await app().submit(deploymentId, slow(60_000));
    await app().untilStatus(deploymentId, first, 'in_progress');
    const waiting: string[] = [];
    for (let count = 0; count < 6; count += 1) waiting.push(await app().submit(deploymentId, slow(60_000)));
    const reader = await follow({ deploymentId, requestId: waiting.at(-1) ?? '' });
    const { data } = await reader.waitFor('status');
    const before = Number(data['queue_position']);
    await app().cancel(deploymentId, waiting[3] ?? '');
    await reader.waitFor('status', ({ queue_position }) => queue_position === before - 1);
  });

  it('that is not the owner learns nothing, and one without a token is refused', async () => {
    const { deploymentId, requestId } = await submit();
    const path = `/deployments/${deploymentId}/requests/${requestId}/events`;
    expectError(await app().call(path, { token: await app().addAccount() }), 403003);
    expectError(await app().call(path, { token: null }), 401001);
    expectError(await app().call(`/deployments/${deploymentId}/requests/${deploymentId}/events`), 404001);
  });

  it('gets the head alone by HEAD', async () => {
    const reader = await follow(await submit(slow(60_000)), { method: 'HEAD' });
    await reader.untilEnded();
    expect([reader.status, reader.headers['content-type'], reader.text()]).toEqual([200, 'text/event-stream', '']);
  });

  it('hears a heartbeat while nothing happens', async () => {
    const reader = await follow(await submit(slow(60_000)));
    await reader.waitFor('status', ({ status }) => status === 'in_progress');
    const before = reader.text().length;
    await until('two heartbeats', () => (reader.text().slice(before).match(/^:$/gm) ?? []).length >= 2);
  });
});
