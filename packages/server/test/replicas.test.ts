// Two services on one database, in this process: what is said to the one that is not the brain.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { createTestApp, type TestApp } from '../testing/create-test-app.ts';
import { readEvents } from '../testing/event-reader.ts';
import { until } from '../testing/until.ts';

const SLOW = { extra_data: { emulator: { serviceMs: 60_000 } } };
const ended = (word: string) => ({ status: word });

describe('a replica that is not the brain', () => {
  let brain: TestApp;
  let follower: TestApp;
  let deploymentId: string;

  beforeAll(async () => {
    const overrides = { isShared: true };
    brain = await createTestApp({ overrides });
    follower = await createTestApp({ beside: brain, overrides });
    deploymentId = await follower.createDeployment(undefined, { name: 'made through the follower' });
  });
  afterAll(async () => {
    await follower.stop();
    await brain.stop();
  });
  const roleOf = async (app: TestApp) => (await app.call('//readyz')).body['role'];

  it('says so', async () => {
    expect([await roleOf(brain), await roleOf(follower)]).toEqual(['brain', 'follower']);
  });

  it('takes requests that the brain runs, and answers for them while they live and after', async () => {
    const results = await Promise.all([1, 2, 3].map(() => follower.run(deploymentId)));
    expect(results).toMatchObject([1, 2, 3].map(() => ended('succeeded')));
    const [result] = results;
    const file = Object.values(result?.['outputs'] ?? {}).flat(2);
    expect(JSON.stringify(file)).toContain(`${follower.url}/deployment_requests/`);
  });

  it('tells where a request waits, as the brain does', async () => {
    const running = await follower.submit(deploymentId, SLOW);
    await follower.untilStatus(deploymentId, running, 'in_progress');
    const waiting: string[] = [];
    for (let n = 0; n < 3; n += 1) waiting.push(await follower.submit(deploymentId, SLOW));
    for (const app of [brain, follower]) {
      await until('it is the third', async () => {
        const reply = await app.status(deploymentId, waiting[2] ?? '');
        return reply.body['queue_position'] === 3;
      });
    }
    for (const id of [...waiting, running]) {
      const reply = await follower.cancel(deploymentId, id);
      expect([reply.status, reply.body['status']]).toEqual([202, 'cancellation_requested']);
      expect(await follower.untilEnded(deploymentId, id)).toMatchObject(ended('cancelled'));
    }
  });

  it('waits with a caller that prefers to', async () => {
    const path = `/deployments/${deploymentId}/inference`;
    const reply = await follower.call(path, { method: 'POST', body: {}, headers: { prefer: 'wait=10' } });
    expect(reply.body).toMatchObject({ ...ended('succeeded'), status_url: expect.any(String) });
  });

  it('streams events from the brain to their end', async () => {
    const requestId = await follower.submit(deploymentId);
    const url = `${follower.url}/prod/v2/deployments/${deploymentId}/requests/${requestId}/events`;
    const reader = await readEvents(url, { token: follower.token });
    const events = await reader.untilEnded();
    expect(events.at(-1)).toMatchObject({ event: 'end', data: ended('succeeded') });
  });

  it('lists instances, and lets a websocket through to one', async () => {
    const list = await follower.call(`/deployments/${deploymentId}/instances`);
    expect(list.status).toBe(200);
    const [instance] = list.body['data'] as { id: string }[];
    const path = `/prod/v2/deployments/${deploymentId}/instances/${instance?.id}/proxy`;
    const stats = await follower.call(`${path.slice('/prod/v2'.length)}/system_stats`);
    expect(stats.body).toHaveProperty('system');
    const socket = new WebSocket(`${follower.url.replace('http', 'ws')}${path}/ws?clientId=x`, {
      headers: { authorization: `Bearer ${follower.token}` },
    });
    const first = await new Promise<string>((resolve, reject) => {
      socket.once('message', (data) => resolve(String(data)));
      socket.once('error', reject);
    });
    expect(JSON.parse(first)).toMatchObject({ type: 'status' });
    socket.terminate();
  });

  it('sees nothing dispatched once a disable was answered, whichever replica was asked', async () => {
    const closing = await follower.createDeployment();
    const running = await brain.submit(closing, SLOW);
    const waiting: string[] = [];
    for (let n = 0; n < 20; n += 1) waiting.push(await follower.submit(closing, SLOW));
    const patch = { method: 'PATCH', body: { is_enabled: false } };
    expect((await follower.call(`/deployments/${closing}`, patch)).status).toBe(200);
    const late = await follower.call(`/deployments/${closing}/inference`, { method: 'POST', body: {} });
    expect(late.status).not.toBe(200);
    for (const id of [running, ...waiting]) {
      expect(await follower.untilEnded(closing, id)).toMatchObject({ status: 'failed' });
    }
  });

  it('refuses a revoked token within a second', async () => {
    const made = await brain.call('/tokens', { method: 'POST', body: { name: 'short' } });
    const token = String(made.body['token']);
    expect((await follower.call('/account', { token })).status).toBe(200);
    await brain.call(`/tokens/${made.body['id']}`, { method: 'DELETE' });
    const from = performance.now();
    await until('it is refused', async () => (await follower.call('/account', { token })).status === 401);
    expect(performance.now() - from).toBeLessThan(1_500);
  });

  it('never passes a call on that was passed on to it', async () => {
    const headers = { 'comfleet-hop': '1' };
    const reply = await follower.call(`/deployments/${deploymentId}/instances`, { headers });
    expect(reply.body['data']).toEqual([]);
  });
});

describe('when the brain is gone', () => {
  it('polls are answered, an open stream goes on, and what waited is run by the next', async () => {
    const overrides = { isShared: true };
    const brain = await createTestApp({ overrides, emulator: 'pretending' });
    const first = await createTestApp({ beside: brain, overrides });
    const second = await createTestApp({ beside: brain, overrides });
    const deploymentId = await first.createDeployment();
    const running = await second.submit(deploymentId, { extra_data: { emulator: { serviceMs: 1_500 } } });
    await second.untilStatus(deploymentId, running, 'in_progress');
    const waiting = await second.submit(deploymentId);
    const url = `${second.url}/prod/v2/deployments/${deploymentId}/requests/${waiting}/events`;
    const reader = await readEvents(url, { token: second.token });
    await reader.waitFor('status', ({ status }) => status === 'in_queue');

    const statuses: number[] = [];
    let isOver = false;
    const polling = (async () => {
      while (!isOver) {
        const reply = await second.status(deploymentId, waiting);
        statuses.push(reply.status);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    await first.restart(); // one that follows comes and goes
    await brain.stopService();
    const events = await reader.untilEnded();
    isOver = true;
    await polling;
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { status: 'succeeded' } });
    const results = await Promise.all([running, waiting].map((id) => second.untilEnded(deploymentId, id)));
    expect(results).toMatchObject([ended('succeeded'), ended('succeeded')]);
    const executed = readFileSync(brain.executionsFile, 'utf8');
    for (const id of [running, waiting])
      expect(executed.split('\n').filter((line) => line.includes(id))).toHaveLength(1);
    await first.stop();
    await second.stop();
    await brain.stop();
  });
});
