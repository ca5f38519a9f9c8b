// GET …/requests/{r}/events across breaks: a reader that comes back, a service that restarts, an instance that is lost.
// routes: getRequestEvents
import type { JsonObject } from '@comfleet/comfyui';
import { EventSource } from 'eventsource';
import { afterEach, describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { PHOTO, PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { type EventReader, readEvents } from '../testing/event-reader.ts';
import { useFileServer } from '../testing/file-server.ts';
import { until } from '../testing/until.ts';

const files = useFileServer(() => undefined);
const app = useTestApp(() => ({
  overrides: { eventTickMs: 10 },
  env: { COMFLEET_ALLOW_PRIVATE_HOSTS: files().host },
}));
const SLOW: JsonObject = { extra_data: { emulator: { serviceMs: 60_000 } } };
/** Two files, so that a reader can have seen one of them. */
const TWO: JsonObject = {
  ...PICTURE,
  '3': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'two' } },
};

let open: EventReader[] = [];
afterEach(async () => {
  for (const reader of open) reader.close();
  open = [];
  await app().cancelAll();
});

interface Where {
  readonly deploymentId: string;
  readonly requestId: string;
}

const urlOf = ({ deploymentId, requestId }: Where) =>
  `${app().url}/prod/v2/deployments/${deploymentId}/requests/${requestId}/events`;

async function follow(where: Where, lastEventId?: string): Promise<EventReader> {
  const resume = lastEventId === undefined ? {} : { lastEventId };
  const reader = await readEvents(urlOf(where), { token: app().token, ...resume });
  open.push(reader);
  return reader;
}

async function submit(body: JsonObject = {}, graph: JsonObject = PICTURE): Promise<Where> {
  const deploymentId = await app().createDeployment(graph);
  return { deploymentId, requestId: await app().submit(deploymentId, body) };
}

const names = (reader: EventReader) => reader.events.map(({ event }) => event);

describe('a reader that comes back with the id of the last event', () => {
  it('is told the state anew, and only the outputs that it has not seen', async () => {
    const where = await submit({}, TWO);
    await app().untilEnded(where.deploymentId, where.requestId);
    const all = await follow(where);
    await all.untilEnded();
    const outputs = all.events.filter(({ event }) => event === 'output');
    expect(outputs).toHaveLength(2);
    const again = await follow(where, outputs[0]?.id);
    await again.untilEnded();
    expect(names(again)).toEqual(['status', 'output', 'end']);
    expect(again.named('output')).toEqual([outputs[1]?.data]);
    const rest = await follow(where, again.events[1]?.id);
    await rest.untilEnded();
    expect(names(rest)).toEqual(['status', 'end']);
  });

  it('gets 204 when it has had the end, so that an EventSource comes to rest', async () => {
    const where = await submit();
    await app().untilEnded(where.deploymentId, where.requestId);
    const all = await follow(where);
    const end = await all.waitFor('end');
    const again = await follow(where, end.id);
    await again.untilEnded();
    expect([again.status, again.text()]).toEqual([204, '']);
  });

  it('is told everything when the id is none of ours', async () => {
    const where = await submit({}, TWO);
    await app().untilEnded(where.deploymentId, where.requestId);
    for (const id of ['17', 'x'.repeat(5_000), '-1-1-1-1', '../../etc', '9-9-9-9999999999']) {
      const reader = await follow(where, id);
      await reader.untilEnded();
      expect(names(reader)).toEqual(['status', 'output', 'output', 'end']);
    }
  });

  it('is a real EventSource, which reads to the end and then stops', async () => {
    const where = await submit({ extra_data: { emulator: { serviceMs: { ms: 300, steps: 2 } } } });
    const heard: string[] = [];
    const source = new EventSource(urlOf(where), {
      fetch: (url, init) =>
        fetch(url, { ...init, headers: { ...init?.headers, authorization: `Bearer ${app().token}` } }),
    });
    for (const name of ['status', 'progress', 'output', 'end']) source.addEventListener(name, () => heard.push(name));
    await until('the end', () => heard.includes('end'));
    expect([...new Set(heard)]).toEqual(['status', 'progress', 'output', 'end']);
    await until('it to come to rest', () => source.readyState === EventSource.CLOSED);
    expect(heard.filter((name) => name === 'end')).toHaveLength(1);
  });
});

describe('a stream', () => {
  it('ends without an end when the service stops, and goes on where the next one is', async () => {
    const where = await submit({ extra_data: { emulator: { serviceMs: 2_500 } } });
    const reader = await follow(where);
    const { id } = await reader.waitFor('status', ({ status }) => status === 'in_progress');
    await app().restart();
    await reader.untilEnded();
    expect(names(reader)).not.toContain('end');
    const again = await follow(where, id);
    await again.untilEnded();
    expect(again.named('end')).toEqual([{ status: 'succeeded' }]);
    expect(names(again)).toEqual(expect.arrayContaining(['status', 'output', 'end']));
  });

  it('ends when its token is revoked', async () => {
    const where = await submit(SLOW);
    const reader = await follow(where);
    await reader.waitFor('status');
    await app().db.query(sql`update tokens set revoked_at = now()`);
    try {
      await reader.untilEnded();
      expect(names(reader)).not.toContain('end');
    } finally {
      await app().db.query(sql`update tokens set revoked_at = null`);
      await until('the token to count again', async () => (await app().call('/account')).status === 200);
    }
  });

  it('says that an attempt was lost, and starts its progress again', async () => {
    const where = await submit({ extra_data: { emulator: { serviceMs: { ms: 1_000, steps: 4 } } } });
    const reader = await follow(where);
    await reader.waitFor('progress', ({ step }) => step === 2);
    await app().stopEmulator();
    await app().startEmulator();
    const { data } = await reader.waitFor('log', ({ level }) => level === 'warning');
    expect(data['message']).toMatch(/^Attempt 1 was lost: .*waits again\.$/);
    const second = await reader.waitFor('progress', ({ message }) => String(message).startsWith('Attempt 2: '));
    expect(second.data['value']).toBe(0);
    await reader.untilEnded();
    expect(reader.named('end')).toEqual([{ status: 'succeeded' }]);
  });

  it('says which media is being fetched, without what its address may hide, and not twice', async () => {
    const where = await submit({ overrides: { '1': { inputs: { image: `${files().url}/x.png?key=secret` } } } }, PHOTO);
    const reader = await follow(where);
    const { data, id } = await reader.waitFor('log', ({ message }) => String(message).includes('fetching'));
    expect(data['message']).toBe(`Node 1, input image: fetching ${files().url}/x.png.`);
    const again = await follow(where, id);
    await again.waitFor('status');
    const fresh = await follow(where);
    await fresh.waitFor('log', ({ message }) => message === data['message']);
    expect(again.named('log')).not.toContainEqual(data);
  });

  it('says why a request waits while no instance is there', async () => {
    const deploymentId = await app().createDeployment();
    await app().stopEmulator();
    try {
      const reader = await follow({ deploymentId, requestId: await app().submit(deploymentId, SLOW) });
      const { data } = await reader.waitFor('log');
      expect(data).toEqual({ level: 'info', message: expect.stringMatching(/^No instance could be reached/) });
    } finally {
      await app().startEmulator();
    }
  });
});
