// Tokens: what is shown once, what a token may give, a new secret beside the old one, revocation (api.md 3, 3.1).
// routes: getAccount, listTokens, createToken, revokeToken, regenerateToken
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { ADMIN_TOKEN, useTestApp } from '../testing/create-test-app.ts';
import { expectError, INSTANT } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

let ahead = 0;
const app = useTestApp({ emulator: 'none', overrides: { clock: { now: () => Date.now() + ahead } } });

const post = (path: string, body: JsonValue, token = ADMIN_TOKEN) => app().call(path, { method: 'POST', body, token });
const isIn = async (token: string) => (await app().call('/account', { token })).status === 200;
const hoursAhead = (hours: number) => new Date(Date.now() + ahead + hours * 3_600_000).toISOString();

async function make(
  fields: JsonObject = {},
  token = ADMIN_TOKEN,
): Promise<{ id: string; token: string; body: JsonObject }> {
  const { status, text, body } = await post('/tokens', { name: 'ci', ...fields }, token);
  if (status !== 200) throw new Error(text);
  return { id: String(body['id']), token: String(body['token']), body };
}

describe('a new token', () => {
  it('is shown with its secret once, works, and is kept as a hash', async () => {
    const expires = hoursAhead(2);
    const { id, token, body } = await make({ scopes: ['read', 'run'], expires_at: expires, spending_limit_usd: 12.5 });
    expect(body).toEqual({
      id: expect.any(String),
      name: 'ci',
      prefix: token.slice(0, 7),
      scopes: ['run', 'read'],
      created_at: expect.stringMatching(INSTANT),
      expires_at: expect.stringContaining(expires.slice(0, 19)),
      spending_limit_usd: 12.5,
      token: expect.stringMatching(/^cf_[0-9A-Za-z]{38}$/),
    });
    const account = await app().call('/account', { token });
    const { token: _, ...shown } = body;
    expect(account.body['token']).toEqual(shown);
    const list = await app().call('/tokens');
    expect(list.text).not.toContain(token);
    expect((list.body['data'] as JsonObject[]).find((entry) => entry['id'] === id)).toMatchObject(shown);
    const kept = await app().db.query(sql`select * from tokens where id = ${id}`);
    expect(JSON.stringify(kept)).not.toContain(token);
  });

  it('can run, read and manage when nothing was said, and never expires', async () => {
    const { body } = await make();
    expect(body).toMatchObject({ scopes: ['run', 'read', 'manage'] });
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['expires_at']));
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['spending_limit_usd']));
  });

  it.each<[string, JsonObject, string]>([
    ['no name', { name: '' }, 'name'],
    ['an unknown scope', { scopes: ['write'] }, 'scopes'],
    ['no scope at all', { scopes: [] }, 'scopes'],
    ['an expiry that is no instant', { expires_at: 'tomorrow' }, 'expires_at'],
    ['an expiry in the past', { expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    ['an expiry beyond the calendar', { expires_at: '+200000-01-01T00:00:00Z' }, 'expires_at'],
    ['a negative limit', { spending_limit_usd: -1 }, 'spending_limit_usd'],
    ['a limit beyond counting', { spending_limit_usd: 1e12 }, 'spending_limit_usd'],
  ])('with %s is refused', async (_what, fields, field) => {
    const { detail } = expectError(await post('/tokens', { name: 'x', ...fields }), 422001);
    expect(detail[0]?.loc[1]).toBe(field);
  });
});

describe('a token gives no more than it has', () => {
  it('neither scopes, nor a later end, nor a larger limit; and what is left out is its own', async () => {
    const end = hoursAhead(2);
    const bound = { scopes: ['manage', 'run'], expires_at: end, spending_limit_usd: 5 };
    const { token } = await make(bound);
    const given = await make({ scopes: ['manage'] }, token);
    expect(given.body).toMatchObject({ scopes: ['manage'], spending_limit_usd: 5 });
    expect(given.body['expires_at']).toContain(end.slice(0, 19));
    for (const more of [
      { scopes: ['read'] },
      { scopes: ['admin'] },
      { expires_at: hoursAhead(3) },
      { spending_limit_usd: 5.01 },
      // Each token's limit is its own, so that two could spend twice as much.
      {},
      { scopes: ['run'], spending_limit_usd: 1 },
    ]) {
      expectError(await post('/tokens', { name: 'more', ...more }, token), 403003);
    }
    await make({ scopes: ['manage'], expires_at: hoursAhead(1), spending_limit_usd: 4 }, token);
    const unlimited = await make({ scopes: ['manage', 'run'], expires_at: end });
    expect((await make({ spending_limit_usd: 4 }, unlimited.token)).body).toMatchObject({ scopes: ['run', 'manage'] });
  });

  it('nor the new secret of a token that has more', async () => {
    const { token } = await make({ scopes: ['manage'] });
    const strong = await make({ scopes: ['manage', 'admin'] });
    expectError(await post(`/tokens/${strong.id}/regenerate`, {}, token), 403003);
    expect(await isIn(strong.token)).toBe(true);
    const limits = { scopes: ['manage', 'run'], spending_limit_usd: 1 };
    const [one, two] = [await make(limits), await make(limits)];
    expectError(await post(`/tokens/${two.id}/regenerate`, {}, one.token), 403003);
    expect((await post(`/tokens/${one.id}/regenerate`, {}, one.token)).status).toBe(200);
  });

  it('and a member has no token with the scope admin', async () => {
    const member = await app().addAccount();
    expectError(await post('/tokens', { name: 'x', scopes: ['admin'] }, member), 403003);
  });
});

describe('a new secret', () => {
  it('works beside the old one for the overlap, and then alone', async () => {
    const old = await make({ spending_limit_usd: 3 });
    const reply = await post(`/tokens/${old.id}/regenerate`, { overlap_seconds: 60 });
    const { token, old_secret_valid_until: end, ...rest } = reply.body;
    expect(rest).toMatchObject({ id: old.id, name: 'ci', spending_limit_usd: 3, prefix: String(token).slice(0, 7) });
    expect(String(end)).toMatch(INSTANT);
    expect([await isIn(old.token), await isIn(String(token))]).toEqual([true, true]);
    ahead += 61_000;
    expect([await isIn(old.token), await isIn(String(token))]).toEqual([false, true]);
    expect(expectError(await app().call('/account', { token: old.token }), 401001).message).toContain('new secret');
  });

  it('overlaps by a day when nothing is said', async () => {
    const { id } = await make();
    const { body } = await post(`/tokens/${id}/regenerate`, {});
    const hours = (Date.parse(String(body['old_secret_valid_until'])) - Date.now() - ahead) / 3_600_000;
    expect(hours).toBeCloseTo(24, 1);
  });

  it('with an overlap of 0 ends every older one at once', async () => {
    const first = await make();
    const second = String((await post(`/tokens/${first.id}/regenerate`, {})).body['token']);
    expect(await isIn(first.token)).toBe(true);
    const third = String((await post(`/tokens/${first.id}/regenerate`, { overlap_seconds: 0 })).body['token']);
    expect([await isIn(first.token), await isIn(second), await isIn(third)]).toEqual([false, false, true]);
  });

  it('is not made for a token that has expired', async () => {
    const { id, token } = await make({ expires_at: hoursAhead(1) });
    ahead += 3_600_001;
    expect(expectError(await app().call('/account', { token }), 401001).message).toContain('expired');
    expectError(await post(`/tokens/${id}/regenerate`, {}), 409001);
  });

  it('is refused with an overlap that is none', async () => {
    const { id } = await make();
    for (const overlap_seconds of [-1, 1.5, 'a day', 1e9]) {
      expectError(await post(`/tokens/${id}/regenerate`, { overlap_seconds }), 422001);
    }
  });
});

describe('a revoked token', () => {
  it('is refused at once, with every secret it had, and is in no list', async () => {
    const { id, token } = await make();
    const newer = String((await post(`/tokens/${id}/regenerate`, {})).body['token']);
    expect([await isIn(token), await isIn(newer)]).toEqual([true, true]);
    const reply = await app().call(`/tokens/${id}`, { method: 'DELETE' });
    expect(reply.body).toEqual({ id, deleted: true });
    for (const secret of [token, newer]) expectError(await app().call('/account', { token: secret }), 401001);
    expect((await app().call('/tokens?limit=200')).text).not.toContain(id);
    for (const [method, path] of [
      ['DELETE', `/tokens/${id}`],
      ['POST', `/tokens/${id}/regenerate`],
    ] as const) {
      expectError(await app().call(path, { method }), 404001);
    }
  });

  it('may revoke itself', async () => {
    const { id, token } = await make();
    expect((await app().call(`/tokens/${id}`, { method: 'DELETE', token })).status).toBe(200);
    expect(await isIn(token)).toBe(false);
  });
});

it("another account's token is not told from one that never was", async () => {
  const { id, token } = await make();
  const member = await app().addAccount();
  for (const unknown of [id, id.toUpperCase(), '01a2103e-50f4-72a3-8a9f-38f7bf7783d3', 'x', '%00']) {
    expectError(await app().call(`/tokens/${unknown}`, { method: 'DELETE', token: member }), 404001);
    expectError(await post(`/tokens/${unknown}/regenerate`, {}, member), 404001);
  }
  expect(await isIn(token)).toBe(true);
  expect((await app().call('/tokens', { token: member })).text).not.toContain(id);
});

it('the list comes in pages, newest first', async () => {
  const member = await app().addAccount();
  for (let n = 0; n < 5; n += 1) await make({ name: `t${n}` }, member);
  const names: JsonValue[] = [];
  let cursor = '';
  for (let pages = 0; pages < 10; pages += 1) {
    const { body } = await app().call(`/tokens?limit=2${cursor}`, { token: member });
    names.push(...(body['data'] as JsonObject[]).map(({ name }) => name ?? ''));
    if (body['next_cursor'] === undefined) break;
    cursor = `&cursor=${String(body['next_cursor'])}`;
  }
  expect(names).toEqual(['t4', 't3', 't2', 't1', 't0', 'another']);
  for (const query of ['limit=201', 'limit=0', 'cursor=nonsense', 'cursor=1_2']) {
    expectError(await app().call(`/tokens?${query}`, { token: member }), 422001);
  }
});

it('tells when a token was last used, and not before it was', async () => {
  const { id, token } = await make();
  const lastUse = async () => {
    const { body } = await app().call('/tokens?limit=200');
    return (body['data'] as JsonObject[]).find((entry) => entry['id'] === id)?.['last_used_at'];
  };
  expect(await lastUse()).toBeUndefined();
  await app().call('/account', { token });
  expect(await until('its use to be noted', lastUse)).toMatch(INSTANT);
});

describe('the token of the setting COMFLEET_ADMIN_TOKEN', () => {
  const own = useTestApp({ emulator: 'none' });

  it('does not come back with a restart once it was given a new secret', async () => {
    const id = String(((await own().call('/account')).body['token'] as JsonObject)['id']);
    const reply = await own().call(`/tokens/${id}/regenerate`, { method: 'POST', body: { overlap_seconds: 0 } });
    const token = String(reply.body['token']);
    await own().restart();
    expectError(await own().call('/account'), 401001);
    expect((await own().call('/account', { token })).status).toBe(200);
  });
});
