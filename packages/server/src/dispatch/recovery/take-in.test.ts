// Rows that other replicas wrote, whether or not anybody told of them; and leases that a new brain adopts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../../testing/create-test-app.ts';
import { until } from '../../../testing/until.ts';
import { type Sql, sql } from '../../db/sql.ts';
import { returnLeases, takeLeases } from '../../requests/lease.sql.ts';
import { adoptLeases } from '../../requests/recover.sql.ts';
import { createTakeIn } from './take-in.ts';

describe('what another replica wrote', () => {
  let app: TestApp;
  let deploymentId: string;
  beforeAll(async () => {
    app = await createTestApp({ overrides: { isShared: true } });
    deploymentId = await app.createDeployment();
  });
  afterAll(async () => await app.stop());

  /** A copy of an ended request as one that waits, as an older service of the last released shape inserts it. */
  async function insertQueued(): Promise<string> {
    const model = await app.submit(deploymentId);
    await app.untilEnded(deploymentId, model);
    const id = crypto.randomUUID();
    await app.db.query(sql`
      with payload as (insert into request_payloads (request_id, body) select ${id}::uuid, body from request_payloads where request_id = ${model})
      insert into requests (id, account_id, deployment_id, version_id, priority, created_at, start_by, run_within_seconds, webhook_url,
        webhook_intermediate, webhook_base, metadata, has_extra_data, state, epoch, instance_id, prompt_id, leased_at, token_id)
      select ${id}::uuid, account_id, deployment_id, version_id, priority, now(), null, null, null, false, null, null, false, 'queued', 0,
        null, null, null, token_id from requests where id = ${model}`);
    return id;
  }

  it('is found without a notice', async () => {
    const id = await insertQueued();
    expect(await app.untilEnded(deploymentId, id)).toMatchObject({ status: 'succeeded' });
  });

  it('is found by a notice, at once', async () => {
    const id = await insertQueued();
    await app.db.query(sql`select pg_notify('comfleet_notices', ${`another requests=${id}`})`);
    expect(await app.untilEnded(deploymentId, id)).toMatchObject({ status: 'succeeded' });
  });

  it('is found late, when its transaction ended after later ones', async () => {
    const model = await app.submit(deploymentId);
    await app.untilEnded(deploymentId, model);
    let id = '';
    await app.db.transaction(async (tx) => {
      id = crypto.randomUUID();
      await tx.query(
        sql`insert into request_payloads (request_id, body) select ${id}::uuid, body from request_payloads where request_id = ${model}`,
      );
      await tx.query(sql`insert into requests (id, account_id, deployment_id, version_id, state, created_at, token_id)
        select ${id}::uuid, account_id, deployment_id, version_id, 'queued', now(), token_id from requests where id = ${model}`);
      // Later ones come and go meanwhile, and several polls.
      const from = performance.now();
      await until('polls have passed', async () => {
        await app.run(deploymentId);
        return performance.now() - from > 6_500;
      });
    });
    expect(await app.untilEnded(deploymentId, id)).toMatchObject({ status: 'succeeded' });
  });

  it('is not run when its deployment was closed, and is ended', async () => {
    const id = await insertQueued();
    await app.call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: false } });
    await until('it has ended', async () => {
      const [row] = await app.db.query<{ state: string }>(sql`select state from requests where id = ${id}`);
      return row?.state !== 'queued' && row?.state !== 'active';
    });
    await app.call(`/deployments/${deploymentId}`, { method: 'PATCH', body: { is_enabled: true } });
  });

  it('a wish to cancel that is told reaches what waits here', async () => {
    const slow = { extra_data: { emulator: { serviceMs: 60_000 } } };
    const running = await app.submit(deploymentId, slow);
    const id = await app.submit(deploymentId, slow);
    await app.db.query(sql`update requests set cancel_requested_at = now() where id in (${id}, ${running})`);
    await app.db.query(sql`select pg_notify('comfleet_notices', ${`another cancels=${id},${running}`})`);
    for (const each of [id, running]) {
      expect(await app.untilEnded(deploymentId, each)).toMatchObject({ status: 'cancelled' });
    }
  });

  it('a wish to cancel that nobody told reaches what runs here', async () => {
    const running = await app.submit(deploymentId, { extra_data: { emulator: { serviceMs: 60_000 } } });
    await app.untilStatus(deploymentId, running, 'in_progress');
    await app.db.query(sql`update requests set cancel_requested_at = now() where id = ${running}`);
    expect(await app.untilEnded(deploymentId, running)).toMatchObject({ status: 'cancelled' });
  });

  it('an adopted lease is refused to the brain before, and keeps what its prompt was sent under', async () => {
    const id = await insertHeld();
    const before = { requestId: id, epoch: 1, instanceId: crypto.randomUUID(), promptId: crypto.randomUUID(), now: 1 };
    expect((await takeLeases(app.db, [before])).size).toBe(1);
    await adoptLeases(app.db);
    await adoptLeases(app.db);
    const read = async () =>
      (
        await app.db.query(
          sql`select epoch, sent_epoch, sent_prompt_id = prompt_id as is_same from requests where id = ${id}`,
        )
      )[0];
    expect(await read()).toEqual({ epoch: 3, sent_epoch: 1, is_same: true });
    const lost = {
      losses: 0,
      instanceId: undefined,
      promptId: undefined,
      startedAt: undefined,
      endedAt: 2,
      cause: 'late',
    };
    expect((await returnLeases(app.db, [{ requestId: id, epoch: 1, ...lost }])).size).toBe(0);
    expect((await returnLeases(app.db, [{ requestId: id, epoch: 3, ...lost }])).size).toBe(1);
    // The next prompt is another one, sent under its own epoch.
    expect((await takeLeases(app.db, [{ ...before, epoch: 4, promptId: crypto.randomUUID() }])).size).toBe(1);
    expect(await read()).toEqual({ epoch: 4, sent_epoch: 1, is_same: false });
    await app.db.query(sql`delete from requests where id = ${id}`);
  });

  /** A row that this brain does not take in: it is live to nobody. */
  async function insertHeld(): Promise<string> {
    const id = crypto.randomUUID();
    await app.db.query(sql`insert into requests (id, account_id, deployment_id, version_id, state, created_at)
      select ${id}::uuid, account_id, id, version_id, 'queued', now() from deployments where id = ${deploymentId}`);
    return id;
  }
});

it('never looks again at all that a start has read', async () => {
  const lists: string[] = [];
  const mark = { top: 7, xmin: 5, xmax: 5 };
  const query = async ({ name = '', values }: Sql) => {
    if (name.startsWith('list_waiting')) lists.push(`${name} ${values.join()}`);
    return name === 'read_seq_mark' ? [{ ...mark, top: 9 }] : [];
  };
  const deps = { db: { query }, writes: { forgetRefused: async () => undefined } };
  const takeIn = createTakeIn(deps as unknown as Parameters<typeof createTakeIn>[0]);
  takeIn.start(mark);
  for (let n = 0; n < 3; n += 1) await takeIn.requests(undefined);
  await takeIn.stop();
  expect(lists).toEqual([
    'list_waiting_since 5',
    'list_waiting_since 5',
    'list_waiting_after 7',
    'list_waiting_after 9',
  ]);
});
