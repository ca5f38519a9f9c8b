// Instances that are started and stopped for a deployment, over HTTP: from zero and back, bursts, the minimum, roll-over,
// closing in the middle of a start, starts that fail.
// routes: listInstances, getInstance, warmUpInstances, removeInstance
import type { JsonObject } from '@comfleet/comfyui';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { createStaticProvider } from '../src/instances/providers/static.ts';
import { PICTURE } from '../testing/caller.ts';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { createEmulatorProvider, type EmulatorProvider, SCALED_SKU } from '../testing/emulator-provider.ts';
import { until } from '../testing/until.ts';

const SCALED = { hardware: ['SCALED'], max_instances: 10, keep_warm_duration_in_seconds: 1 };

interface Scaling {
  readonly status: string;
  readonly reason?: string;
  readonly reasons: readonly string[];
  readonly target: number;
}

let app: TestApp;
let provider: EmulatorProvider;
let made: string[] = [];

async function open(env: Record<string, string> = {}) {
  provider = createEmulatorProvider();
  app = await createTestApp({
    env,
    configFile: { hardware: [SCALED_SKU] },
    overrides: {
      providers: ({ db, newId }) => [createStaticProvider({ db, newId, urls: [] }), provider],
      eventTickMs: 20,
    },
  });
}

const readObjectInfo = async () => JSON.parse(await (await fetch(`${app.emulatorUrl}/object_info`)).text());

async function deploy(fields: JsonObject = {}): Promise<string> {
  const object_info = await readObjectInfo();
  const { workflowId, version } = await app.saveWorkflow(PICTURE, { object_info });
  const names = { name: 'scaled', workflow_id: workflowId, workflow_version: version };
  const reply = await app.call('/deployments', { method: 'POST', body: { ...names, ...SCALED, ...fields } });
  expect(reply.status, reply.text).toBe(200);
  const id = String(reply.body['id']);
  made.push(id);
  return id;
}

async function look(id: string) {
  const reply = await app.call(`/deployments/${id}/instances`);
  expect(reply.status, reply.text).toBe(200);
  return {
    data: reply.body['data'] as unknown as { id: string; phase: string; reason?: string }[],
    scaling: reply.body['scaling'] as unknown as Scaling,
  };
}

const phasesOf = ({ timeline }: JsonObject) => (timeline as { phase: string }[]).map(({ phase }) => phase);
const status = async (id: string) => (await app.call(`/deployments/${id}`)).body['status'];
const patch = async (id: string, body: JsonObject) => await app.call(`/deployments/${id}`, { method: 'PATCH', body });
const untilEmpty = async () => await until('no instance is left', () => provider.alive.size === 0);

async function openMeters(): Promise<number> {
  const rows = await app.db.query(sql`select instance_id from metered_instances where gone_at is null`);
  return rows.length;
}

async function closeAll() {
  provider.failWith = undefined;
  for (const id of made) await app.call(`/deployments/${id}`, { method: 'DELETE' });
  made = [];
  await untilEmpty();
  provider.asked.length = 0;
  provider.pendingWords = undefined;
}

describe('a deployment with instances of its own', () => {
  beforeAll(async () => await open());
  afterEach(async () => await closeAll());
  afterAll(async () => await app.stop());

  it('comes from zero with the first request, and goes back to zero after keep-warm', async () => {
    const id = await deploy();
    expect(await status(id)).toBe('standby');
    const result = await app.run(id);
    expect(result['outputs']).toBeDefined();
    expect(await status(id)).toBe('running');
    expect(provider.asked).toHaveLength(1);
    const [instance] = (await look(id)).data;
    expect(instance).toMatchObject({ id: result['instance_id'], phase: 'ready' });
    await untilEmpty();
    expect(await until('the status', async () => (await status(id)) === 'standby')).toBe(true);
    const events = await app.call(`/events?deployment_id=${id}`);
    expect(events.text).toContain('1 waiting for 0 instances, queue_size 1: 1 wanted');
    expect(events.text).toContain('keep-warm is over');
  });

  it('tells the whole life of an instance, also after it is gone and after a restart', async () => {
    const id = await deploy();
    await app.run(id);
    const read = async (path: string, token = app.token) =>
      await app.call(`/deployments/${id}/instances${path}`, { token });
    const [{ id: instanceId = '' } = {}] = (await look(id)).data;
    const alive = (await read(`/${instanceId}`)).body;
    expect(phasesOf(alive)).toEqual(['requested', 'starting', 'ready', 'idle']);
    await untilEmpty();
    const gone = await until('its end is on record', async () => {
      const { body } = await read(`/${instanceId}`);
      return body['phase'] === 'gone' && body;
    });
    expect(phasesOf(gone)).toEqual(['requested', 'starting', 'ready', 'draining', 'gone']);
    expect(gone).toMatchObject({
      reason: expect.stringContaining('keep-warm is over'),
      log_tail: [`log of ${instanceId}`],
      durations: { set_up_seconds: expect.any(Number), running_seconds: expect.any(Number) },
    });
    const { running_seconds, idle_seconds } = gone['durations'] as unknown as Record<string, number>;
    expect(running_seconds).toBeGreaterThan(0);
    expect(idle_seconds).toBeGreaterThan(0.9);
    const { log_tail, ...listed } = gone;
    expect((await read('')).body['gone']).toEqual([listed]);
    await app.restart();
    expect((await read(`/${instanceId}`)).body).toEqual(gone);
    expect((await read(`/${instanceId}`, await app.addAccount())).status).toBe(403);
    expect((await read(`/${crypto.randomUUID()}`)).status).toBe(404);
  });

  it.each([
    [2, 1, 2],
    [5, 2, 3],
    [20, 1, 10],
  ])('asks, for a burst of %i with queue_size %i, for %i instances at once', async (burst, queueSize, wanted) => {
    provider.pendingWords = 'pulling the image';
    const id = await deploy({ queue_size: queueSize });
    await Promise.all(Array.from({ length: burst }, () => app.submit(id)));
    await until('the starts', () => provider.asked.length === wanted);
    const { scaling, data } = await look(id);
    expect(scaling).toMatchObject({ status: 'starting', target: wanted });
    expect(scaling.reason).toContain('pulling the image');
    expect(data.filter(({ phase }) => phase === 'starting')).toHaveLength(wanted);
  });

  it('keeps its minimum, makes again what is removed, and acts at once on a lower one', async () => {
    const id = await deploy({ min_instances: 2, keep_warm_duration_in_seconds: 0 });
    await until('the minimum', async () => (await look(id)).data.filter(({ phase }) => phase === 'ready').length === 2);
    const [first] = (await look(id)).data;
    const removed = await app.call(`/deployments/${id}/instances/${first?.id}`, { method: 'DELETE' });
    expect(removed.status, removed.text).toBe(202);
    await until('another one', async () => {
      const ready = (await look(id)).data.filter(({ phase }) => phase === 'ready');
      return ready.length === 2 && !ready.some((each) => each.id === first?.id);
    });
    await patch(id, { min_instances: 0 });
    await untilEmpty();
  });

  it('starts an instance for the first request of a version that was saved without object_info', async () => {
    const { workflowId, version } = await app.saveWorkflow(PICTURE);
    const names = { name: 'bare', workflow_id: workflowId, workflow_version: version };
    const reply = await app.call('/deployments', { method: 'POST', body: { ...names, ...SCALED } });
    const id = String(reply.body['id']);
    made.push(id);
    const submit = async () => await app.call(`/deployments/${id}/inference`, { method: 'POST', body: {} });
    const refused = await submit();
    expect(refused.status, refused.text).toBe(503);
    const accepted = await until('it is accepted', async () => {
      const again = await submit();
      return again.status === 200 ? again : undefined;
    });
    const ended = await app.untilEnded(id, String(accepted.body['request_id']));
    expect(ended['outputs']).toBeDefined();
  });

  it('says of a run that needs more memory how much there is', async () => {
    const id = await deploy();
    const first = await app.run(id);
    provider.alive.get(String(first['instance_id']))?.faults.merge({ outOfMemory: true });
    const ended = await app.untilEnded(id, await app.submit(id));
    expect(JSON.stringify(ended['error'])).toContain('ran out of memory (SCALED has 8 GB of VRAM)');
  });

  it('is warmed up by a call', async () => {
    const id = await deploy();
    const reply = await app.call(`/deployments/${id}/instances`, { method: 'POST', body: { count: 2 } });
    expect(reply.status, reply.text).toBe(202);
    await until(
      'two ready ones',
      async () => (await look(id)).data.filter((each) => each.phase === 'ready').length === 2,
    );
    await untilEmpty();
    expect(provider.asked).toHaveLength(2);
  });

  it('finishes on the old version what runs, and runs what comes on the new one', async () => {
    const id = await deploy({ max_instances: 2 });
    const first = await app.run(id);
    const oldId = String(first['instance_id']);
    provider.alive.get(oldId)?.faults.merge({ serviceMs: 60_000 });
    const running = await app.submit(id);
    await app.untilStatus(id, running, 'in_progress');
    const { body } = await app.call(`/deployments/${id}`);
    const workflowId = String(body['workflow_id']);
    const saved = await app.call(`/workflows/${workflowId}/versions`, {
      method: 'POST',
      body: { workflow_api_json: PICTURE, object_info: await readObjectInfo() },
    });
    expect((await patch(id, { workflow_version: saved.body['version'] ?? '' })).status).toBe(200);
    const next = await app.submit(id);
    const after = await app.submit(id);
    const ended = await app.untilEnded(id, after);
    expect(ended['instance_id']).not.toBe(oldId);
    expect(provider.alive.has(oldId)).toBe(true);
    expect((await app.status(id, running)).body['status']).toBe('in_progress');
    await app.cancel(id, running);
    // Runs were short, so the next one may stand behind it there already: what was sent stays.
    await app.cancel(id, next);
    await until('the old one goes', () => !provider.alive.has(oldId));
    await app.untilEnded(id, next);
  });

  it.each(['disabled', 'deleted'] as const)('leaves nothing when it is %s in the middle of a start', async (how) => {
    provider.pendingWords = 'Unschedulable: no GPU is free';
    const id = await deploy({ min_instances: 1 });
    const requestId = await app.submit(id);
    await until('the start', () => provider.asked.length > 0);
    if (how === 'disabled') await patch(id, { is_enabled: false });
    else await app.call(`/deployments/${id}`, { method: 'DELETE' });
    await until('no instance', async () => {
      const rows = await app.db.query(sql`select state from requests where id = ${requestId} and state = 'failed'`);
      return rows.length === 1 && (await openMeters()) === 0;
    });
    await provider.release();
    await untilEmpty();
  });
});

describe('starts that fail', () => {
  beforeAll(async () => await open({ COMFLEET_START_TIMEOUT_SECONDS: '1.5' }));
  afterEach(async () => await closeAll());
  afterAll(async () => await app.stop());

  it('make the status error with the cause, are tried again, and end requests with 10007', async () => {
    provider.failWith = 'the image registry/comfyui:9 does not exist';
    const id = await deploy();
    const requestId = await app.submit(id);
    await until('the failure', async () => (await status(id)) === 'error');
    expect((await look(id)).scaling).toMatchObject({
      status: 'error',
      reason: expect.stringMatching(/start.* failed .*registry\/comfyui:9 does not exist/),
      failed_starts: { cause: 'the image registry/comfyui:9 does not exist' },
    });
    const detail = await app.call(`/deployments/${id}/requests/${requestId}`);
    expect(detail.text).toContain('waiting for an instance: the last start failed');
    const ended = await app.untilEnded(id, requestId);
    const [error] = ended['error'] as unknown as { errorCode?: number; details: string }[];
    expect(JSON.stringify(error)).toContain('10007');
    expect(error?.details).toMatch(/start time-out.*registry\/comfyui:9 does not exist/s);
    expect(provider.asked.length).toBeGreaterThan(1);
    provider.failWith = undefined;
    await patch(id, { queue_size: 2 });
    expect((await app.run(id))['outputs']).toBeDefined();
    expect(await status(id)).toBe('running');
  });
});

describe('with billing on', () => {
  beforeAll(async () => await open({ COMFLEET_BILLING: 'on' }));
  afterEach(async () => await closeAll());
  afterAll(async () => await app.stop());

  it('a minimum is kept, and billed, only for an account that can pay for it', async () => {
    const id = await deploy({ min_instances: 1 });
    await until('the end of what cannot be paid', async () => (await status(id)) === 'disabled');
    expect(provider.asked).toEqual([]);
    const [row] = await app.db.query<{ account_id: string }>(sql`select account_id from deployments where id = ${id}`);
    const credited = await app.call(`/admin/accounts/${row?.account_id}/credits`, {
      method: 'POST',
      body: { amount_usd: 10 },
    });
    expect(credited.status, credited.text).toBe(200);
    expect((await patch(id, { is_enabled: true })).status).toBe(200);
    await until('the minimum', async () => (await status(id)) === 'running');
    expect(await openMeters()).toBe(1);
  });
});
