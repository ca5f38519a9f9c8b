// A start that still reads its backlog: what is first in order runs, what is accepted meanwhile waits behind all of it, and
// questions about what is not in memory yet are answered.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { expectFailed } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

const PAGE = 2;
/** Long enough that one prompt at a time is with the back end. */
const SLOW = { extra_data: { emulator: { serviceMs: 60 } } };

/** Pages are held from the n-th on, until they are let through. */
let app: TestApp;
let deploymentId: string;
let pagesLeft = Number.POSITIVE_INFINITY;
let letThrough: () => void = () => undefined;
let through: Promise<void> = Promise.resolve();

function hold(after: number) {
  pagesLeft = after;
  through = new Promise((resolve) => {
    letThrough = () => {
      pagesLeft = Number.POSITIVE_INFINITY;
      resolve();
    };
  });
}

const before = async () => {
  pagesLeft -= 1;
  if (pagesLeft < 0) await through;
};

beforeEach(async () => {
  pagesLeft = Number.POSITIVE_INFINITY;
  app = await createTestApp({ overrides: { backlogPages: { first: PAGE, others: PAGE, before } } });
  await prepare();
});

afterEach(async () => {
  letThrough();
  await app.stop();
});

/** Its graph is judged while the back end is there; then nothing runs. */
async function prepare() {
  deploymentId = await app.createDeployment();
  await app.run(deploymentId, SLOW);
  await app.stopEmulator();
  await until('the loss of the back end', async () => {
    const { body } = await app.call('/events?kind=instance.lost');
    return Array.isArray(body['data']) && body['data'].length > 0;
  });
}

async function submitMany(count: number, body: object = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await app.submit(deploymentId, { ...SLOW, ...body }));
  return ids;
}

/** Ids in the order in which the back end ran them. */
async function listRun(): Promise<string[]> {
  const rows = await app.db.query<{ id: string; prompt_id: string }>(sql`select id, prompt_id from requests`);
  const ids = new Map(rows.map(({ id, prompt_id }) => [prompt_id, id]));
  return app.emulator.executions().map(({ prompt_id }) => ids.get(prompt_id) ?? prompt_id);
}

async function untilAllEnded(ids: readonly string[]) {
  for (const id of ids) await app.untilEnded(deploymentId, id);
}

it('runs what is first while the rest is read, and nothing that came later before it', async () => {
  const old = await submitMany(5);
  hold(1);
  await app.restart();
  const later = await submitMany(2);
  await app.startEmulator();
  await untilAllEnded(old.slice(0, PAGE));
  expect((await app.status(deploymentId, later[0] ?? '')).body).toMatchObject({ status: 'in_queue' });
  expect(await listRun()).toEqual(old.slice(0, PAGE));
  letThrough();
  await untilAllEnded([...old, ...later]);
  expect(await listRun()).toEqual([...old, ...later]);
});

it('tells where those stand that were accepted meanwhile, and those that are not read yet once they are', async () => {
  const old = await submitMany(5);
  hold(1);
  await app.restart();
  const [first = '', second = ''] = await submitMany(2);
  const positionOf = async (id: string) => (await app.status(deploymentId, id)).body['queue_position'];
  expect([await positionOf(old[1] ?? ''), await positionOf(first), await positionOf(second)]).toEqual([2, 6, 7]);
  // Longer than anybody waits for it: its last known state.
  expect((await app.status(deploymentId, old[4] ?? '')).body).toMatchObject({ status: 'in_queue' });
  const asked = positionOf(old[4] ?? '');
  letThrough();
  expect(await asked).toBe(5);
  expect(await positionOf(second)).toBe(7);
});

it('cancels what is not read yet, and what was accepted meanwhile', async () => {
  const old = await submitMany(5);
  hold(1);
  await app.restart();
  const later = await submitMany(2);
  expect((await app.cancel(deploymentId, later[0] ?? '')).status).toBe(202);
  expect(await app.untilEnded(deploymentId, later[0] ?? '')).toMatchObject({ status: 'cancelled' });
  // Its row was read before it was cancelled: the next page is there and held.
  expect((await app.cancel(deploymentId, old[2] ?? '')).status).toBe(202);
  letThrough();
  expect(await app.untilEnded(deploymentId, old[2] ?? '')).toMatchObject({ status: 'cancelled' });
  await app.startEmulator();
  const kept = [...old, ...later].filter((id) => id !== old[2] && id !== later[0]);
  await untilAllEnded(kept);
  expect(await listRun()).toEqual(kept);
});

it('answers a repeated submit with the request that is not read yet', async () => {
  const headers = { 'idempotency-key': 'again' };
  await submitMany(3);
  const id = await app.submit(deploymentId, {}, { headers });
  hold(1);
  await app.restart();
  expect(await app.submit(deploymentId, {}, { headers })).toBe(id);
});

it('gives out by priority, wherever in the backlog it lies', async () => {
  const low = await submitMany(1, { priority: 'low' });
  const normal = await submitMany(3);
  const high = await submitMany(2, { priority: 'high' });
  hold(1);
  await app.restart();
  const urgent = await submitMany(1, { priority: 'high' });
  await app.startEmulator();
  await untilAllEnded(high);
  expect(await listRun()).toEqual(high);
  letThrough();
  await untilAllEnded([...low, ...normal, ...urgent]);
  // What is accepted meanwhile is given out once all is read: what was read by then may have begun.
  const started = await listRun();
  expect(started.filter((id) => !urgent.includes(id))).toEqual([...high, ...normal, ...low]);
});

it('ends what is not read yet when its deployment is disabled, without a run', async () => {
  const old = await submitMany(5);
  hold(1);
  await app.restart();
  const later = await submitMany(1);
  const disabling = app.call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: false } });
  await until('the first have ended', async () => (await app.result(deploymentId, old[0] ?? '')).body['error']);
  letThrough();
  expect((await disabling).status).toBe(200);
  await app.startEmulator();
  for (const id of [...old, ...later]) expectFailed(await app.untilEnded(deploymentId, id), 10002);
  expect(await listRun()).toEqual([]);
});

it('counts what is not read yet against the limit of the queue', async () => {
  await app.stop();
  const env = { COMFLEET_QUEUE_LIMIT: '5' };
  app = await createTestApp({ env, overrides: { backlogPages: { first: PAGE, others: PAGE, before } } });
  await prepare();
  await submitMany(4);
  hold(1);
  await app.restart();
  await submitMany(1);
  const refused = await app.call(`/deployments/${deploymentId}/inference`, { method: 'POST', body: {} });
  expect(refused.body).toMatchObject({ code: 429001 });
});

it('stops while it still reads, and the next start goes on with everything', async () => {
  const old = await submitMany(5);
  hold(1);
  await app.restart();
  const later = await submitMany(2);
  const restarted = app.restart();
  letThrough();
  await restarted;
  await app.startEmulator();
  await untilAllEnded([...old, ...later]);
  expect(await listRun()).toEqual([...old, ...later]);
});
