// A cancel that comes at the same moment as something else: two cancels, the end, the dispatch, a disable, a delete. Each
// request reaches one end, which stays, and what the cancel was answered fits it.
// routes: cancelRequest
import type { JsonObject } from '@comfleet/comfyui';
import { afterEach, describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import type { Reply } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';

const app = useTestApp();
const SLOW: JsonObject = { extra_data: { emulator: { serviceMs: 60_000 } } };

afterEach(() => app().cancelAll());

const wordOf = (status: unknown) => (status === 'cancelled' ? 'cancelled' : 'completed');

/** The request's end, after checking that it stays and that this answer to a cancel fits it. */
async function settle(deploymentId: string, requestId: string, reply: Reply): Promise<JsonObject> {
  const result = await app().untilEnded(deploymentId, requestId);
  if (reply.status === 200)
    expect(reply.body).toEqual({ request_id: requestId, status: wordOf(result['status']), outcome: 'not_cancellable' });
  else expect([reply.status, reply.body['outcome']]).toEqual([202, 'cancellation_requested']);
  expect((await app().result(deploymentId, requestId)).body).toEqual(result);
  const attempts = await app().db.query<{ outcome: string }>(
    sql`select outcome from attempts where request_id = ${requestId}`,
  );
  const ends = attempts.filter(({ outcome }) => outcome !== 'lost');
  expect(ends.length).toBeLessThanOrEqual(1);
  return result;
}

describe('a cancel', () => {
  it('that comes with another one is answered alike, and the request ends once', async () => {
    const deploymentId = await app().createDeployment();
    const running = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, running, 'in_progress');
    const waiting = await app().submit(deploymentId);
    for (const id of [waiting, running]) {
      const replies = await Promise.all([app().cancel(deploymentId, id), app().cancel(deploymentId, id)]);
      for (const reply of replies) expect(await settle(deploymentId, id, reply)).toMatchObject({ status: 'cancelled' });
    }
  });

  it('that comes with the dispatch either keeps the graph from running or interrupts it', async () => {
    const deploymentId = await app().createDeployment();
    for (let n = 0; n < 8; n += 1) {
      const requestId = await app().submit(deploymentId, SLOW);
      const reply = await app().cancel(deploymentId, requestId);
      expect(reply.status).toBe(202);
      expect(await settle(deploymentId, requestId, reply)).toMatchObject({ status: 'cancelled' });
    }
    expect(await app().run(deploymentId)).toMatchObject({ status: 'succeeded' });
  });

  it('that comes with the end leaves one of the two', async () => {
    const deploymentId = await app().createDeployment();
    const seen = new Set<unknown>();
    for (let n = 0; n < 15; n += 1) {
      const requestId = await app().submit(deploymentId, { extra_data: { emulator: { serviceMs: n % 8 } } });
      await app().status(deploymentId, requestId);
      const reply = await app().cancel(deploymentId, requestId);
      seen.add((await settle(deploymentId, requestId, reply))['status']);
    }
    for (const status of seen) expect(['succeeded', 'cancelled']).toContain(status);
  });

  it('that comes with a disable ends every request by one of the two, and none runs on', async () => {
    const deploymentId = await app().createDeployment();
    const ids: string[] = [];
    for (let n = 0; n < 8; n += 1) ids.push(await app().submit(deploymentId, SLOW));
    const path = `/deployments/${deploymentId}`;
    const [, ...replies] = await Promise.all([
      app().call(path, { method: 'PATCH', body: { is_enabled: false } }),
      ...ids.map((id) => app().cancel(deploymentId, id)),
    ]);
    for (const [index, id] of ids.entries()) {
      const reply = replies[index];
      if (reply === undefined) throw new Error('a cancel was not answered');
      const result = await settle(deploymentId, id, reply);
      if (result['status'] === 'failed') expect(result['error']).toMatchObject([{ errorCode: 10002 }]);
      else expect(result['status']).toBe('cancelled');
    }
  });

  it('that comes with a delete is answered with a cancel or with 10003, and the request ends', async () => {
    const deploymentId = await app().createDeployment();
    const ids: string[] = [];
    for (let n = 0; n < 8; n += 1) ids.push(await app().submit(deploymentId, SLOW));
    const [deleted, ...replies] = await Promise.all([
      app().call(`/deployments/${deploymentId}`, { method: 'DELETE' }),
      ...ids.map((id) => app().cancel(deploymentId, id)),
    ]);
    expect(deleted?.status).toBe(200);
    for (const reply of replies) {
      if (reply.status === 404) expect(reply.body).toMatchObject({ error_code: 10003 });
      else expect([200, 202]).toContain(reply.status);
    }
    await expect
      .poll(async () => {
        const rows = await app().db.query<{ state: string }>(
          sql`select distinct state from requests where deployment_id = ${deploymentId}`,
        );
        return rows.every(({ state }) => state === 'failed' || state === 'cancelled');
      })
      .toBe(true);
    expect((await app().status(deploymentId, ids[0] ?? '')).body).toMatchObject({ error_code: 10003 });
  });
});

it('two submits with one Idempotency-Key and two bodies at the same time are one request and one conflict', async () => {
  const deploymentId = await app().createDeployment();
  for (let n = 0; n < 5; n += 1) {
    const headers = { 'idempotency-key': `both-${n}` };
    const replies = await Promise.all(
      [1, 2].map((color) =>
        app().call(`/deployments/${deploymentId}/inference`, {
          method: 'POST',
          headers,
          body: { overrides: { '1': { inputs: { color } } } },
        }),
      ),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(replies.find(({ status }) => status === 409)?.body).toMatchObject({ error_code: 409001 });
  }
});
