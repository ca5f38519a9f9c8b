// Administrators' routes: accounts, their first and further tokens, shutting an account out (api.md 3, 3.1).
// routes: listAccounts, createAccount, getAccountById, changeAccount, createAccountToken, listAccountTokens, revokeAccountToken
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { PICTURE } from '../testing/caller.ts';
import { ADMIN_TOKEN, useTestApp } from '../testing/create-test-app.ts';
import { expectError, expectFailed, INSTANT } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

const app = useTestApp();

const SLOW = { extra_data: { emulator: { serviceMs: 60_000 } } };
const send = (method: string, path: string, body: JsonValue = {}, token = ADMIN_TOKEN) =>
  app().call(path, { method, body, token });
const patch = (id: string, body: JsonValue) => send('PATCH', `/admin/accounts/${id}`, body);
const isIn = async (token: string) => (await app().call('/account', { token })).status === 200;

async function addAccount(fields: JsonObject = {}): Promise<{ id: string; token: string; body: JsonObject }> {
  const { status, text, body } = await send('POST', '/admin/accounts', { name: 'Anna', ...fields });
  if (status !== 200) throw new Error(text);
  return { id: String(body['id']), token: String(body['token']), body };
}

describe('a new account', () => {
  it('is a member with a token that works', async () => {
    const { id, token, body } = await addAccount({ email: 'anna@example.org' });
    const record = {
      id,
      name: 'Anna',
      email: 'anna@example.org',
      role: 'member',
      created_at: expect.stringMatching(INSTANT),
    };
    expect(body).toEqual({ ...record, is_active: true, token: expect.stringMatching(/^cf_/) });
    const { token: shown, ...account } = (await app().call('/account', { token })).body;
    expect(account).toEqual(record);
    expect(shown).toMatchObject({ scopes: ['run', 'read', 'manage'] });
    const { token: _, ...kept } = body;
    expect((await app().call(`/admin/accounts/${id}`)).body).toEqual(kept);
    const list = await app().call('/admin/accounts?limit=200');
    expect(list.body['data']).toContainEqual(kept);
    expect(list.text).not.toContain(token);
  });

  it('may be an administrator, who has every scope', async () => {
    const { token } = await addAccount({ role: 'admin' });
    expect((await app().call('/admin/accounts', { token })).status).toBe(200);
    expect((await app().call('/account', { token })).body).toMatchObject({
      role: 'admin',
      token: { scopes: ['run', 'read', 'manage', 'admin'] },
    });
  });

  it.each<[string, JsonObject]>([
    ['no name', { name: '' }],
    ['an unknown role', { role: 'owner' }],
    ['an email that is none', { email: 'anna' }],
    ['an email with a line break', { email: 'anna@example.org\nbcc: x@y' }],
  ])('with %s is refused', async (_what, fields) => {
    expectError(await send('POST', '/admin/accounts', { name: 'x', ...fields }), 422001);
  });
});

it('the list comes in pages, newest first', async () => {
  const made = [(await addAccount()).id, (await addAccount()).id, (await addAccount()).id];
  const first = (await app().call('/admin/accounts?limit=2')).body;
  const second = (await app().call(`/admin/accounts?limit=2&cursor=${String(first['next_cursor'])}`)).body;
  const ids = [...(first['data'] as JsonObject[]), ...(second['data'] as JsonObject[])].map(({ id }) => id);
  expect(ids.slice(0, 3)).toEqual(made.reverse());
  expectError(await app().call('/admin/accounts?cursor=x'), 422001);
});

it('name, email and role are changed, and an empty email removes it', async () => {
  const { id, token } = await addAccount({ email: 'a@example.org' });
  expect((await patch(id, { name: 'Berta', email: '', role: 'admin' })).body).toEqual({
    id,
    name: 'Berta',
    role: 'admin',
    is_active: true,
    created_at: expect.any(String),
  });
  expect((await app().call('/account', { token })).body).toMatchObject({ name: 'Berta', role: 'admin' });
  expect((await patch(id, {})).body).toMatchObject({ name: 'Berta' });
  await patch(id, { role: 'member' });
});

it('an account without a token is given one, within its role', async () => {
  const { id } = await addAccount();
  await app().db.query(sql`update tokens set revoked_at = now() where account_id = ${id}`);
  const made = await send('POST', `/admin/accounts/${id}/tokens`, { name: 'again', spending_limit_usd: 1 });
  expect(made.body).toMatchObject({ name: 'again', scopes: ['run', 'read', 'manage'], spending_limit_usd: 1 });
  expect((await app().call('/account', { token: String(made.body['token']) })).body).toMatchObject({ id });
  const { detail } = expectError(
    await send('POST', `/admin/accounts/${id}/tokens`, { name: 'x', scopes: ['admin'] }),
    422001,
  );
  expect(detail[0]?.loc).toEqual(['body', 'scopes']);
});

it("an account's tokens are listed, and one that leaked is revoked, by an administrator", async () => {
  const { id, token } = await addAccount();
  const tokens = async () => (await app().call(`/admin/accounts/${id}/tokens`)).body['data'] as JsonObject[];
  const [first, ...others] = await tokens();
  expect([first, others]).toEqual([expect.objectContaining({ name: 'first token', prefix: token.slice(0, 7) }), []]);
  const path = `/admin/accounts/${id}/tokens/${String(first?.['id'])}`;
  const stranger = await addAccount();
  expectError(await send('DELETE', path.replace(id, stranger.id)), 404001);
  expect(await isIn(token)).toBe(true);
  expect((await send('DELETE', path)).body).toEqual({ id: first?.['id'], deleted: true });
  expectError(await app().call('/account', { token }), 401001);
  expect(await tokens()).toEqual([]);
  expectError(await send('DELETE', path), 404001);
});

describe('who is no administrator', () => {
  const paths = (id: string): [string, string][] => [
    ['GET', '/admin/accounts'],
    ['POST', '/admin/accounts'],
    ['GET', `/admin/accounts/${id}`],
    ['PATCH', `/admin/accounts/${id}`],
    ['POST', `/admin/accounts/${id}/tokens`],
    ['GET', `/admin/accounts/${id}/tokens`],
    ['DELETE', `/admin/accounts/${id}/tokens/${id}`],
  ];

  it('is refused with 403003, whichever account is named', async () => {
    const { id, token } = await addAccount();
    for (const target of [id, '01a2103e-50f4-72a3-8a9f-38f7bf7783d3', 'x']) {
      for (const [method, path] of paths(target)) {
        const reply = await app().call(path, { method, token, ...(method === 'GET' ? {} : { body: { name: 'x' } }) });
        expectError(reply, 403003);
      }
    }
  });

  it('even with a token of scope admin from better days: a demotion is effective at once', async () => {
    const { id, token } = await addAccount({ role: 'admin' });
    expect((await app().call('/admin/accounts', { token })).status).toBe(200);
    await patch(id, { role: 'member' });
    for (const [method, path] of paths(id)) {
      const reply = await app().call(path, { method, token, ...(method === 'GET' ? {} : { body: { name: 'x' } }) });
      expect(expectError(reply, 403003).message).toContain('member');
    }
  });
});

it('an account that does not exist is a 404001', async () => {
  for (const id of ['01a2103e-50f4-72a3-8a9f-38f7bf7783d3', 'x', '%00', "'"]) {
    expectError(await app().call(`/admin/accounts/${id}`), 404001);
    expectError(await patch(id, { name: 'x' }), 404001);
    expectError(await send('POST', `/admin/accounts/${id}/tokens`, { name: 'x' }), 404001);
  }
});

describe('an account that is deactivated', () => {
  it('is out at once, with all its tokens, and in again when activated', async () => {
    const { id, token } = await addAccount();
    const second = String((await send('POST', '/tokens', { name: 'second' }, token)).body['token']);
    expect([await isIn(token), await isIn(second)]).toEqual([true, true]);
    expect((await patch(id, { is_active: false })).body).toMatchObject({ is_active: false });
    for (const secret of [token, second]) expectError(await app().call('/account', { token: secret }), 401001);
    await patch(id, { is_active: true });
    expect([await isIn(token), await isIn(second)]).toEqual([true, true]);
  });

  it('has its waiting and running requests ended with 10002, and nothing of them runs', async () => {
    const { id, token } = await addAccount();
    const mine = await deploymentOf(token);
    const others = await app().createDeployment();
    const running = await app().submit(mine, SLOW, { token });
    await until('it runs', async () => {
      const { body } = await app().status(mine, running, { token });
      return body['status'] === 'in_progress';
    });
    const waiting = [await app().submit(mine, {}, { token }), await app().submit(mine, {}, { token })];
    const theirs = await app().submit(others);
    const before = app().emulator.executions().length;
    await patch(id, { is_active: false });
    expect(await app().untilEnded(others, theirs)).toMatchObject({ status: 'succeeded' });
    await patch(id, { is_active: true });
    for (const requestId of [running, ...waiting]) {
      const result = await app().untilEnded(mine, requestId, { token });
      expect(expectFailed(result, 10002).details).toContain('was deactivated');
    }
    const ran = app().emulator.executions().slice(before);
    expect(ran.filter(({ outcome }) => outcome !== 'interrupted')).toHaveLength(1);
    const again = await app().submit(mine, {}, { token });
    expect(await app().untilEnded(mine, again, { token })).toMatchObject({ status: 'succeeded' });
  });

  it('just before a crash has none of its requests run by the next start', async () => {
    const { id, token } = await addAccount();
    const mine = await deploymentOf(token);
    await app().stopEmulator();
    const requestId = await app().submit(mine, {}, { token });
    // The change was committed, and the service died before it acted.
    await app().db.query(sql`update accounts set is_active = false where id = ${id}`);
    await app().startEmulator();
    await app().restart();
    await patch(id, { is_active: true });
    expectFailed(await app().untilEnded(mine, requestId, { token }), 10002);
    const ran = await app().db.query(sql`select 1 from attempts where request_id = ${requestId}`);
    expect(ran).toHaveLength(0);
  });

  async function deploymentOf(token: string): Promise<string> {
    const workflow = await send('POST', '/workflows', { name: 'w' }, token);
    const workflowId = String(workflow.body['id']);
    await send('POST', `/workflows/${workflowId}/versions`, { workflow_api_json: PICTURE }, token);
    const fields = { name: 'd', workflow_id: workflowId, workflow_version: 'v1' };
    return String((await send('POST', '/deployments', fields, token)).body['id']);
  }
});

describe('the last active administrator', () => {
  const own = useTestApp({ emulator: 'none' });

  it('can be neither deactivated nor demoted, whoever else there is', async () => {
    const { id } = (await own().call('/account')).body;
    const path = `/admin/accounts/${String(id)}`;
    await own().call('/admin/accounts', { method: 'POST', body: { name: 'member' } });
    for (const body of [{ is_active: false }, { role: 'member' }, { role: 'member', is_active: false }]) {
      expect(expectError(await own().call(path, { method: 'PATCH', body }), 409001).message).toContain('last active');
    }
    expect(
      (await own().call(path, { method: 'PATCH', body: { is_active: true, role: 'admin', name: 'A' } })).status,
    ).toBe(200);
  });

  it('remains when two of them demote each other at the same time', async () => {
    const first = String((await own().call('/account')).body['id']);
    const made = (await own().call('/admin/accounts', { method: 'POST', body: { name: 'B', role: 'admin' } })).body;
    const token = String(made['token']);
    const replies = await Promise.all([
      own().call(`/admin/accounts/${String(made['id'])}`, { method: 'PATCH', body: { role: 'member' } }),
      own().call(`/admin/accounts/${first}`, { method: 'PATCH', body: { role: 'member' }, token }),
    ]);
    expect(replies.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1);
    const admins = await own().db.query(sql`select 1 from accounts where role = 'admin' and is_active`);
    expect(admins).toHaveLength(1);
  });
});
