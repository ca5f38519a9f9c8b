// What the hub does for many readers and for slow ones, with real connections.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EventReader, readEvents } from '../../../testing/event-reader.ts';
import { makeLiveRequest } from '../../../testing/make-live-request.ts';
import { until } from '../../../testing/until.ts';
import { createLog } from '../../telemetry/log.ts';
import { addNote, type LiveRequest, publish } from '../live.ts';
import type { RunProgress } from '../run-progress.pure.ts';
import { parseEventId } from './encode.pure.ts';
import { EventsHub } from './hub.ts';

let hub: EventsHub;
let server: Server;
let request: LiveRequest;
let readers: EventReader[] = [];
let place = 1;

beforeEach(async () => {
  place = 1;
  request = makeLiveRequest();
  hub = createHub(10);
  server = createServer((call, response) => {
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200);
    const context = { base: 'http://x', version: 'v2', cancelledWord: undefined } as const;
    hub.follow(request, { response, context, seen: parseEventId(String(call.headers['last-event-id'])) });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
  for (const reader of readers) reader.close();
  readers = [];
  hub.stop();
  server.close();
});

function createHub(tickMs: number): EventsHub {
  return new EventsHub({
    log: createLog('silent'),
    start: 's1',
    isRefused: async () => false,
    position: () => place,
    whyWaiting: () => undefined,
    tickMs,
  });
}

async function follow(): Promise<EventReader> {
  const { port } = server.address() as AddressInfo;
  const reader = await readEvents(`http://127.0.0.1:${port}`, { token: 't' });
  readers.push(reader);
  return reader;
}

const progressAt = (value: number): RunProgress => ({
  attempt: 1,
  nodesTotal: 1,
  classOf: () => 'KSampler',
  nodes: new Map(),
  nodesDone: 0,
  currentNode: '1',
  step: value * 1_000,
  steps: 1_000,
  value,
  isOver: false,
});

function tellProgress(value: number) {
  request.progress = progressAt(value);
  publish(request, { kind: 'progress' });
}

const row = (state: 'succeeded' | 'failed') => ({
  id: request.id,
  account_id: 'a1',
  deployment_id: 'd1',
  state,
  instance_id: 'i1',
  created_at: 0,
  finished_at: 1,
  outputs: null,
  error: null,
});

describe('the hub', () => {
  it('coalesces progress that comes faster than it is worth telling, and keeps the latest', async () => {
    const reader = await follow();
    await reader.waitFor('status');
    for (let step = 1; step <= 1_000; step += 1) tellProgress(step / 1_000);
    await reader.waitFor('progress', ({ value }) => value === 1);
    expect(reader.named('progress').map(({ value }) => value)).toEqual([0.001, 1]);
  });

  it('tells the last progress before the end, and every log in its order', async () => {
    const reader = await follow();
    await reader.waitFor('status');
    tellProgress(0.1);
    tellProgress(0.9);
    addNote(request, { level: 'info', message: 'one' });
    addNote(request, { level: 'info', message: 'two' });
    publish(request, { kind: 'ended', row: row('succeeded') as never, files: [] });
    await reader.untilEnded();
    expect(reader.events.map(({ event }) => event)).toEqual([
      'status',
      'progress',
      'log',
      'log',
      'progress',
      'status',
      'end',
    ]);
    expect(hub.count().requests).toBe(0);
  });

  it('tells a place in the queue when it changed, and only then', async () => {
    const reader = await follow();
    await reader.waitFor('status', ({ queue_position }) => queue_position === 1);
    place = 2;
    await reader.waitFor('status', ({ queue_position }) => queue_position === 2);
    await until('some heartbeats', () => (reader.text().match(/^:$/gm) ?? []).length >= 3);
    expect(reader.named('status')).toHaveLength(2);
  });

  it('holds little for a reader that does not read, and gives it the latest when it does', async () => {
    hub = createHub(200);
    const slow = await follow();
    await slow.waitFor('status');
    slow.pause();
    const image = Buffer.alloc(1_000_000, 1);
    let sent = 0;
    await until('much to be told', () => {
      sent += 1;
      publish(request, { kind: 'preview', nodeId: String(sent), contentType: 'image/png', image });
      return sent > 200;
    });
    request.phase = 'running';
    publish(request, { kind: 'status' });
    slow.resume();
    await slow.waitFor('status', ({ status }) => status === 'in_progress');
    await slow.waitFor('preview', ({ node_id }) => node_id === String(sent));
    // About one in 100 ms was told to those who read; this one's connection took no more than it holds.
    expect(slow.named('preview').length).toBeLessThan(15);
  });

  it('cuts off a reader that takes nothing for long', async () => {
    const stuck = await follow();
    await stuck.waitFor('status');
    stuck.pause();
    const image = Buffer.alloc(1_000_000, 1);
    await until('it to be cut off', () => {
      publish(request, { kind: 'preview', nodeId: '1', contentType: 'image/png', image });
      return hub.count().streams === 0;
    });
    expect(request.watchers).toBeUndefined();
  });

  it('keeps nothing of a thousand readers that came and went', async () => {
    for (let round = 0; round < 10; round += 1) {
      const crowd = await Promise.all(Array.from({ length: 100 }, follow));
      await Promise.all(crowd.map((reader) => reader.waitFor('status')));
      expect(hub.count()).toEqual({ streams: 100, requests: 1 });
      for (const reader of crowd) reader.close();
      await until('all to be gone', () => hub.count().streams === 0);
    }
    expect(hub.count()).toEqual({ streams: 0, requests: 0 });
    expect(request.watchers).toBeUndefined();
  });

  it('ends the streams of a request that is given up without an end', async () => {
    const reader = await follow();
    publish(request, { kind: 'gone' });
    await reader.untilEnded();
    expect(reader.named('end')).toEqual([]);
  });
});
