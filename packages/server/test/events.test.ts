// The timeline of GET /events: what is told, to whom, and how it is filtered (api.md 3).
// routes: listEvents
import { check, PageOfEvents } from '@comfleet/api';
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { type Sql, sql } from '../src/db/sql.ts';
import { listTimeline, type TimelineWish } from '../src/events/timeline.sql.ts';
import { PICTURE } from '../testing/caller.ts';
import { ADMIN_TOKEN, useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

const app = useTestApp();

const SLOW = { extra_data: { emulator: { serviceMs: 60_000 } } };

const send = (method: string, path: string, body: JsonValue = {}, token = ADMIN_TOKEN) =>
  app().call(path, { method, body, token });

async function list(query = '', token = ADMIN_TOKEN): Promise<JsonObject[]> {
  const reply = await app().call(`/events?limit=200&${query}`, { token });
  expect(check(PageOfEvents, reply.body), reply.text.slice(0, 500)).toEqual([]);
  return reply.body['data'] as JsonObject[];
}

const kindsOf = (events: JsonObject[]) => events.map(({ kind }) => kind).reverse();

/** A new member; gives its id and token. */
async function addMember(): Promise<{ id: string; token: string }> {
  const { body } = await send('POST', '/admin/accounts', { name: 'member' });
  return { id: String(body['id']), token: String(body['token']) };
}

async function deploymentOf(token: string): Promise<{ workflowId: string; deploymentId: string }> {
  const workflowId = String((await send('POST', '/workflows', { name: 'w' }, token)).body['id']);
  await send('POST', `/workflows/${workflowId}/versions`, { workflow_api_json: PICTURE }, token);
  const fields = { name: 'd', workflow_id: workflowId, workflow_version: 'v1' };
  const { body } = await send('POST', '/deployments', fields, token);
  return { workflowId, deploymentId: String(body['id']) };
}

describe('what is told', () => {
  it('every edit of workflows, versions and deployments, by which token, and what it changed', async () => {
    const { token } = await addMember();
    const tokenId = ((await app().call('/account', { token })).body['token'] as JsonObject)['id'];
    const { workflowId, deploymentId } = await deploymentOf(token);
    const path = `/deployments/${deploymentId}`;
    const before = (await list('kind=deployment', token)).length;
    await send('PATCH', path, { name: 'd' }, token); // changes nothing
    expect((await list('kind=deployment', token)).length).toBe(before);
    await send('PATCH', path, { name: 'e', max_instances: 3, is_enabled: false }, token);
    await send('PATCH', path, { is_enabled: true }, token);
    await send('DELETE', path, {}, token);
    await send('DELETE', path, {}, token);
    await send('DELETE', `/workflows/${workflowId}/versions/v1`, {}, token);
    await send('DELETE', `/workflows/${workflowId}`, {}, token);
    const events = (await list('', token)).filter(({ kind }) => !String(kind).startsWith('instance.'));
    expect(kindsOf(events)).toEqual([
      'account.created',
      'token.created',
      'workflow.created',
      'version.saved',
      'deployment.created',
      'deployment.changed',
      'deployment.disabled',
      'deployment.enabled',
      'deployment.deleted',
      'version.deleted',
      'workflow.deleted',
    ]);
    const find = (wanted: string) => events.find(({ kind }) => kind === wanted);
    expect(find('deployment.changed')).toMatchObject({
      subject_id: deploymentId,
      deployment_id: deploymentId,
      token_id: tokenId,
      changes: { name: { old: 'd', new: 'e' }, max_instances: { old: 1, new: 3 } },
    });
    expect(find('deployment.disabled')).toMatchObject({ changes: { is_enabled: { old: true, new: false } } });
    expect(find('version.saved')).toMatchObject({ subject_id: `${workflowId}/v1`, token_id: tokenId });
  });

  it('versions that newer ones pushed out', async () => {
    const { token } = await addMember();
    const workflowId = String((await send('POST', '/workflows', { name: 'w' }, token)).body['id']);
    for (let n = 0; n < 5; n += 1) {
      await send('POST', `/workflows/${workflowId}/versions`, { workflow_api_json: PICTURE }, token);
    }
    const pruned = await list('kind=version.pruned', token);
    expect(pruned.map(({ subject_id }) => subject_id)).toEqual([`${workflowId}/v2`, `${workflowId}/v1`]);
  });

  it('what becomes of an account and its tokens, and never a secret', async () => {
    const { id, token } = await addMember();
    const made = (await send('POST', '/tokens', { name: 'ci' }, token)).body;
    const tokenId = String(made['id']);
    const again = (await send('POST', `/tokens/${tokenId}/regenerate`, {}, token)).body;
    await send('DELETE', `/tokens/${tokenId}`, {}, token);
    await send('PATCH', `/admin/accounts/${id}`, { name: 'm', email: 'm@example.org', is_active: false });
    await send('PATCH', `/admin/accounts/${id}`, { is_active: true });
    const events = await list('', token);
    expect(kindsOf(events)).toEqual([
      'account.created',
      'token.created',
      'token.created',
      'token.regenerated',
      'token.revoked',
      'account.changed',
      'account.deactivated',
      'account.activated',
    ]);
    expect(events.find(({ kind }) => kind === 'account.changed')).toMatchObject({
      changes: { name: { old: 'member', new: 'm' }, email: { new: 'm@example.org' } },
    });
    expect(events.filter(({ subject_id }) => subject_id === tokenId)).toHaveLength(3);
    const kept = JSON.stringify(await app().db.query(sql`select * from events`));
    for (const secret of [token, String(made['token']), String(again['token'])]) expect(kept).not.toContain(secret);
  });

  it('failed requests, by their code alone', async () => {
    const { token } = await addMember();
    const { deploymentId } = await deploymentOf(token);
    const requestId = await app().submit(deploymentId, {}, { token });
    await app().untilEnded(deploymentId, requestId, { token });
    const slow = await app().submit(deploymentId, SLOW, { token });
    await send('PATCH', `/deployments/${deploymentId}`, { is_enabled: false }, token);
    await app().untilEnded(deploymentId, slow, { token });
    const [failed, ...others] = await list('kind=request', token);
    expect(others).toEqual([]);
    expect(failed).toMatchObject({
      kind: 'request.failed',
      subject_id: slow,
      deployment_id: deploymentId,
      message: expect.stringContaining('10002 DisabledDeployment'),
    });
    expect(kindsOf(await list(`deployment_id=${deploymentId}`, token))).toEqual([
      'deployment.created',
      'deployment.disabled',
      'request.failed',
    ]);
  });

  it('instances that come and go, without their addresses', async () => {
    const url = new URL(app().emulatorUrl);
    await app().stopEmulator();
    await until('the loss to be told', async () => (await list('kind=instance.lost')).length > 0);
    await app().startEmulator();
    await until('the return to be told', async () => (await list('kind=instance.ready')).length > 1);
    const events = await list('kind=instance');
    expect(kindsOf(events).slice(0, 4)).toEqual([
      'instance.started',
      'instance.ready',
      'instance.lost',
      'instance.ready',
    ]);
    expect(new Set(events.map(({ subject_id }) => subject_id)).size).toBe(1);
    expect(JSON.stringify(events)).not.toContain(url.port);
  });
});

describe('to whom', () => {
  it('an account sees its own events alone, and those of shared instances once it has a deployment', async () => {
    const { id, token } = await addMember();
    expect(kindsOf(await list('', token))).toEqual(['account.created', 'token.created']);
    const { deploymentId } = await deploymentOf(token);
    expect(kindsOf(await list('', token))).toContain('instance.ready');
    await send('DELETE', `/deployments/${deploymentId}`, {}, token);
    expect(kindsOf(await list('kind=instance', token))).toEqual([]);
    const theirs = await list(`deployment_id=${deploymentId}`);
    expect(theirs).toEqual([]);
    expect(JSON.stringify(await list(''))).not.toContain(id);
  });

  it("all=true shows an administrator every account's, and nobody else", async () => {
    const { token } = await addMember();
    const { deploymentId } = await deploymentOf(token);
    const kinds = kindsOf(await list(`all=true&deployment_id=${deploymentId}`));
    expect(kinds).toEqual(['deployment.created']);
    expect(kindsOf(await list('all=true'))).toEqual(expect.arrayContaining(['account.created', 'instance.ready']));
    expectError(await app().call('/events?all=true', { token }), 403003);
    const weak = String((await send('POST', '/tokens', { name: 'reader', scopes: ['read'] })).body['token']);
    expectError(await app().call('/events?all=true', { token: weak }), 403003);
    expect((await app().call('/events', { token: weak })).status).toBe(200);
  });
});

describe('pages and filters', () => {
  it('pages join without a gap or a double, failures among the rest', async () => {
    const { token } = await addMember();
    const { deploymentId } = await deploymentOf(token);
    const path = `/deployments/${deploymentId}`;
    for (let n = 0; n < 3; n += 1) {
      const ids = [
        await app().submit(deploymentId, SLOW, { token }),
        await app().submit(deploymentId, SLOW, { token }),
      ];
      await send('PATCH', path, { is_enabled: false }, token);
      for (const id of ids) await app().untilEnded(deploymentId, id, { token });
      await send('PATCH', path, { is_enabled: true }, token);
    }
    const whole = await list('', token);
    const joined: JsonObject[] = [];
    let cursor = '';
    do {
      const { body } = await app().call(`/events?limit=3${cursor}`, { token });
      joined.push(...(body['data'] as JsonObject[]));
      cursor = body['next_cursor'] === undefined ? '' : `&cursor=${String(body['next_cursor'])}`;
    } while (cursor !== '');
    expect(joined).toEqual(whole);
    expect(whole.filter(({ kind }) => kind === 'request.failed')).toHaveLength(6);
    const times = whole.map(({ created_at }) => String(created_at));
    expect(times).toEqual([...times].sort().reverse());
  });

  it('bounds in time are exact and exclusive, and may be copied into a URL as they are', async () => {
    const { token } = await addMember();
    for (const name of ['a', 'b', 'c']) await send('POST', '/workflows', { name }, token);
    const [last, middle, first] = await list('kind=workflow', token);
    const after = String(first?.['created_at']);
    const before = String(last?.['created_at']);
    const between = `kind=workflow&created_after=${after}&created_before=${before}`;
    expect(await list(between, token)).toEqual([middle]);
    const escaped = `kind=workflow&created_after=${encodeURIComponent(after)}&created_before=${encodeURIComponent(before)}`;
    expect(await list(escaped, token)).toEqual([middle]);
    expect(await list('created_before=-271821-04-20T00:00:00Z', token)).toEqual([]);
    expect(await list('created_after=%2B275760-09-13T00:00:00Z', token)).toEqual([]);
  });

  it.each([
    'created_after=yesterday',
    'deployment_id=x',
    'cursor=x',
    'cursor=9999999999999999_1',
    'limit=0',
    'limit=201',
    'all=perhaps',
  ])('%s is refused', async (query) => {
    expectError(await app().call(`/events?${query}`), 422001);
  });

  it('a kind is what it begins with, whatever is in it', async () => {
    const { token } = await addMember();
    expect(kindsOf(await list('kind=acc', token))).toEqual(['account.created']);
    for (const kind of ['%25', '_', "'", 'x'.repeat(5_000), '\\'])
      expect(await list(`kind=${kind}`, token)).toEqual([]);
  });
});

it('reads each of its parts by an index, however many requests and events there are', async () => {
  const accountId = String((await app().call('/account')).body['id']);
  const own = { accountId, isAdmin: false, limit: 51 };
  const open = { kind: undefined, deploymentId: undefined, after: undefined, before: undefined, cursor: undefined };
  const plan = await explain({ ...open, ...own, cursor: { micros: Date.now() * 1000, id: '7' } });
  for (const index of ['events_by_account', 'requests_failed_by_account']) expect(plan).toContain(index);
  expect(plan).not.toContain('Seq Scan on events');
  const all = await explain({ ...open, ...own, accountId: undefined });
  for (const index of ['events_by_age', 'requests_failed_by_age']) expect(all).toContain(index);
});

/** The plan of a database that avoids reading whole tables, as it would with many rows. */
async function explain(wish: TimelineWish): Promise<string> {
  return await app().db.transaction(async (tx) => {
    await tx.query(sql`set local enable_seqscan = off`);
    const lines: string[] = [];
    const explaining = {
      async query<Row>({ text, values }: Sql): Promise<Row[]> {
        const rows = await tx.query<{ 'QUERY PLAN': string }>({ text: `explain ${text}`, values });
        lines.push(...rows.map((row) => row['QUERY PLAN']));
        return [];
      },
    };
    await listTimeline(explaining, wish);
    return lines.join('\n');
  });
}
