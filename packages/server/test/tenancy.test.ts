// The tenancy matrix: every route of the table × every way to lack the right to it, through HTTP. A cell checks the code, that
// the answer tells nothing of the other account beyond what the caller named, and in the end that nothing was changed.
import { randomBytes, randomUUID } from 'node:crypto';
import { API_VERSIONS, type ErrorCode, type HttpMethod, methodsOf, type RouteId, routeOf, SCOPES } from '@comfleet/api';
import type { JsonObject } from '@comfleet/comfyui';
import { beforeAll, describe, expect, it } from 'vitest';
import { hashToken } from '../src/accounts/authenticate.ts';
import { makeToken } from '../src/accounts/token.pure.ts';
import { sql } from '../src/db/sql.ts';
import type { CallOptions, Reply } from '../testing/caller.ts';
import { ADMIN_TOKEN, useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';
import {
  makeThings,
  methodOf,
  type Param,
  paramsOf,
  pathOf,
  ROUTE_CALLS,
  ROUTE_IDS,
  type Things,
} from '../testing/route-calls.ts';
import { useWebhookReceiver } from '../testing/webhook-receiver.ts';

const receiver = useWebhookReceiver();
const app = useTestApp(() => ({ env: { COMFLEET_ALLOW_PRIVATE_HOSTS: receiver().host } }));

/** In every name of the other account. */
const MARK = 'zwilling';

/** What another account's thing answers with, by the path parameter that names it. */
const FOREIGN: Readonly<Record<Param, ErrorCode | undefined>> = {
  deployment_id: 403003,
  request_id: 403003,
  workflow_id: 403003,
  delivery_id: 403003,
  // Versions are numbered within their workflow; of a token only its owner learns that it exists.
  version: 404001,
  token_id: 404001,
  // Shared by all accounts, or for administrators, or public by an unguessable address.
  instance_id: undefined,
  account_id: undefined,
  kind: undefined,
  path: undefined,
  key: undefined,
};

/** A thing of another kind, of the caller's own. */
const WRONG_KIND: Readonly<Record<Param, Param>> = {
  deployment_id: 'workflow_id',
  request_id: 'deployment_id',
  workflow_id: 'deployment_id',
  delivery_id: 'request_id',
  version: 'workflow_id',
  token_id: 'delivery_id',
  instance_id: 'deployment_id',
  account_id: 'token_id',
  kind: 'version',
  path: 'version',
  key: 'workflow_id',
};

const guarded = ROUTE_IDS.filter((id) => routeOf(id).access === 'token');
const open = ROUTE_IDS.filter((id) => routeOf(id).access === 'public');
const isForAdmins = (id: RouteId) => routeOf(id).scopes?.includes('admin') === true;

interface World {
  readonly own: Things;
  readonly other: Things;
  readonly ownToken: string;
  readonly otherToken: string;
  /** Authorization headers that let nobody in. */
  readonly refused: Readonly<Record<string, string | null>>;
  /** By the route's scopes: a token that has all the others. */
  readonly lacking: ReadonlyMap<string, string>;
  /** Of a member, with the scope that only administrators get: left from before a demotion. */
  readonly demoted: string;
  readonly before: JsonObject[];
}

let world: World;
beforeAll(async () => {
  const [ownToken, otherToken] = [await app().addAccount(), await app().addAccount()];
  const own = await makeThings(app(), { token: ownToken, mark: 'mine', webhook: receiver().url('/own') });
  const other = await makeThings(app(), { token: otherToken, mark: MARK, webhook: receiver().url(`/${MARK}`) });
  await app().db.query(sql`update accounts set name = ${MARK} where id = ${other.account_id}`);
  // One more version than the own workflow has: a number that only the other account knows.
  const spare = { workflow_api_json: {} };
  const saved = await app().call(`/workflows/${other.workflow_id}/versions?force=true`, {
    method: 'POST',
    token: otherToken,
    body: spare,
  });
  const foreign = { ...other, version: String(saved.body['version']) };
  expect(foreign.version).not.toBe(own.version);
  world = {
    own,
    other: foreign,
    ownToken,
    otherToken,
    refused: await makeRefused(own.account_id),
    lacking: await makeLacking(ownToken),
    demoted: await makeDemoted(ownToken),
    before: await readAll(other.account_id),
  };
}, 60_000);

async function makeRefused(accountId: string): Promise<World['refused']> {
  const good = makeToken(randomBytes(96));
  const wrongChecksum = `${good.slice(0, -1)}${good.endsWith('a') ? 'b' : 'a'}`;
  const closed = await app().addAccount();
  const account = (await app().call('/account', { token: closed })).body;
  await app().call(`/admin/accounts/${account['id']}`, { method: 'PATCH', body: { is_active: false } });
  const [token_id, replaced] = [randomUUID(), makeToken(randomBytes(96))];
  await app().db.query(sql`insert into tokens (id, account_id, name, prefix, hash, scopes)
    values (${token_id}, ${accountId}, 'replaced', 'cf_0000', ${hashToken(makeToken(randomBytes(96)))}, '{run,read,manage}')`);
  await app().db.query(sql`insert into replaced_secrets (hash, token_id, valid_until)
    values (${hashToken(replaced)}, ${token_id}, now() - interval '1 second')`);
  return {
    'no token': null,
    'another scheme': 'Basic YTpi',
    'no secret': 'Bearer ',
    'a malformed token': 'Bearer cf_short and more',
    'a wrong checksum': `Bearer ${wrongChecksum}`,
    'an unknown token': `Bearer ${good}`,
    'a revoked token': `Bearer ${await app().addAccount({ isRevoked: true })}`,
    'an expired token': `Bearer ${await app().addAccount({ expiresAt: new Date(Date.now() - 1_000) })}`,
    'a replaced secret': `Bearer ${replaced}`,
    'a deactivated account': `Bearer ${closed}`,
  };
}

async function makeLacking(token: string): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  for (const { scopes = [] } of guarded.map(routeOf)) {
    const others = SCOPES.filter((scope) => scope !== 'admin' && !scopes.includes(scope));
    if (made.has(scopes.join())) continue;
    const reply = await app().call('/tokens', { method: 'POST', token, body: { name: 'few', scopes: others } });
    made.set(scopes.join(), String(reply.body['token']));
  }
  return made;
}

async function makeDemoted(token: string): Promise<string> {
  const made = (await app().call('/tokens', { method: 'POST', token, body: { name: 'demoted' } })).body;
  await app().db.query(sql`update tokens set scopes = '{run,read,manage,admin}' where id = ${String(made['id'])}`);
  return String(made['token']);
}

/** Every row of the account, whatever table it is in; without what a look at it may change. */
async function readAll(accountId: string): Promise<JsonObject[]> {
  const tables = await app().db.query<{ name: string }>(sql`
    select table_name as name from information_schema.columns
    where table_schema = 'public' and column_name = 'account_id' order by 1`);
  const rows: JsonObject[] = [];
  for (const { name } of tables) {
    const text = `select to_jsonb(t) - 'last_used_at' as row from ${name} t where account_id = $1 order by t::text`;
    const found = await app().db.query<{ row: JsonObject }>({ ...sql.empty, text, values: [accountId] });
    rows.push(...found.map(({ row }) => ({ table: name, row })));
  }
  return rows;
}

interface Given {
  readonly things: Readonly<Record<string, string>>;
  readonly version: 'v1' | 'v2';
  readonly method?: HttpMethod;
}

function call(id: RouteId, { things, version, method = methodOf(id) }: Given, options: CallOptions): Promise<Reply> {
  const { body } = ROUTE_CALLS[id];
  const sent = body === undefined || method === 'GET' || method === 'HEAD' ? {} : { body: body(world.own) };
  return app().call(pathOf(id, things), { method, version, ...sent, ...options });
}

const ownerOf = (id: RouteId) => (isForAdmins(id) ? ADMIN_TOKEN : world.ownToken);

/** An error tells nothing of the other account but what the call itself named. */
function expectSilent(reply: Reply, named: readonly string[]): void {
  const told = `${JSON.stringify([...reply.headers])} ${reply.text}`;
  const secrets = [MARK, world.otherToken, ...foreignIds()];
  for (const secret of secrets.filter((one) => !named.includes(one))) expect(told).not.toContain(secret);
}

/** Short ones and what both share (an instance, the object_info of the same instance) tell nothing. */
function foreignIds(): string[] {
  const shared = Object.values(world.own);
  return Object.values(world.other).filter((text) => text.length > 10 && !shared.includes(text));
}

function expectRefused(reply: Reply, code: ErrorCode, named: readonly string[]): void {
  if (reply.text !== '') expectError(reply, code);
  expectSilent(reply, named);
}

describe.each(API_VERSIONS)('%s', (version) => {
  const verbs = guarded.flatMap((id) => verbsOf(id).map((method) => [method, id] as const));

  it.each(verbs)('%s %s lets in nobody without a good token', async (method, id) => {
    const whose = [world.other, world.own, nobody()];
    for (const [index, [what, header]] of Object.entries(world.refused).entries()) {
      const headers: Record<string, string> = header === null ? {} : { authorization: header };
      const things = whose[index % whose.length] ?? world.other;
      const reply = await call(id, { things, version, method }, { token: null, headers });
      expect(reply.status, `${what}: ${reply.text}`).toBe(401);
      expect(reply.headers.get('www-authenticate')).toBe('Bearer');
      expectRefused(reply, 401001, Object.values(things));
    }
  });

  it.each(verbs.filter(([, id]) => routeOf(id).scopes))('%s %s needs its scope', async (method, id) => {
    const token = world.lacking.get(routeOf(id).scopes?.join() ?? '') ?? '';
    for (const things of [world.own, world.other, nobody()]) {
      const reply = await call(id, { things, version, method }, { token });
      expect(reply.status, reply.text).toBe(403);
      expectRefused(reply, 403003, Object.values(things));
    }
  });

  it.each(guarded.filter(isForAdmins))('%s is not for a member with the scope', async (id) => {
    for (const things of [world.own, world.other, nobody()]) {
      const reply = await call(id, { things, version }, { token: world.demoted });
      expectRefused(reply, 403003, Object.values(things));
    }
  });

  const named = guarded.flatMap((id) => paramsOf(id).map((param) => [id, param] as const));

  it.each(named)("%s with another account's %s", async (id, param) => {
    const code = FOREIGN[param];
    if (code === undefined) return;
    const things = { ...world.own, [param]: world.other[param] };
    expectRefused(await call(id, { things, version }, { token: ownerOf(id) }), code, Object.values(things));
  });

  const nested = guarded.filter((id) => !isForAdmins(id) && paramsOf(id).length > 0);

  it.each(nested)("%s with all of another account's, or an own id under its parent", async (id) => {
    const [first = 'path', ...rest] = paramsOf(id);
    for (const things of [world.other, { ...world.own, [first]: world.other[first] }, ...rest.map(ownUnderForeign)]) {
      const reply = await call(id, { things, version }, { token: ownerOf(id) });
      expectRefused(reply, FOREIGN[first] ?? 404001, Object.values(things));
    }
  });

  function ownUnderForeign(param: Param): Things {
    return { ...world.other, [param]: world.own[param] };
  }

  it.each(named)('%s with a %s that does not exist, or is no such thing', async (id, param) => {
    const wrong = [nobody()[param] ?? '', world.own[WRONG_KIND[param]], world.other[WRONG_KIND[param]]];
    for (const value of [...wrong, 'not-an-id', '0', '%00', `..%2f${world.own[param]}`, '%F0%9F%91%8D']) {
      const things = { ...world.own, [param]: value };
      const reply = await call(id, { things, version }, { token: ownerOf(id) });
      expectRefused(reply, 404001, Object.values(things));
    }
  });

  it.each(guarded)('%s answers other verbs with 405, whoever asks', async (id) => {
    const path = pathOf(id, world.other);
    const taken = ROUTE_IDS.filter((one) => pathOf(one, world.other) === path).flatMap((one) =>
      methodsOf(routeOf(one)),
    );
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      if (taken.includes(method) || (method === 'HEAD' && taken.includes('GET'))) continue;
      const reply = await app().call(path, { method, version, token: null });
      expect(reply.status).toBe(405);
      expectRefused(reply, 405001, Object.values(world.other));
    }
  });
});

/** HEAD goes wherever GET goes. */
function verbsOf(id: RouteId): readonly HttpMethod[] {
  const methods = methodsOf(routeOf(id));
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods;
}

function nobody(): Record<string, string> {
  const ids = Object.keys(world.own).map((param) => [param, randomUUID()]);
  return { ...Object.fromEntries(ids), version: 'v99' };
}

describe('ids in bodies and queries', () => {
  const refusals: [string, string, (other: Things) => JsonObject, ErrorCode][] = [
    [
      'POST',
      '/deployments',
      (other) => ({ name: 'n', workflow_id: other.workflow_id, workflow_version: 'v1' }),
      403003,
    ],
    ['POST', '/deployments', () => ({ name: 'n', workflow_id: randomUUID(), workflow_version: 'v1' }), 422001],
    ['PATCH', 'own', (other) => ({ workflow_id: other.workflow_id, workflow_version: 'v1' }), 403003],
    ['PATCH', 'own', (other) => ({ workflow_version: other.version }), 422001],
  ];
  it.each(refusals)('%s %s is refused', async (method, path, makeBody, code) => {
    const body = makeBody(world.other);
    const target = path === 'own' ? `/deployments/${world.own.deployment_id}` : path;
    const reply = await app().call(target, { method, body, token: world.ownToken });
    expectRefused(reply, code, Object.values(body).map(String));
  });

  it.each([
    'listDeployments',
    'listWorkflows',
    'listTokens',
    'listDeliveries',
    'listEvents',
    'getUsage',
    'getBalance',
    'getAccount',
    'listHardware',
    'listRequests',
    'listVersions',
    'listInstances',
    'getDeployment',
  ] as const)('%s shows nothing foreign, filtered by foreign ids or not', async (id) => {
    const { own, other, ownToken } = world;
    const cursors = [
      await cursorOf('/workflows?limit=1'),
      await cursorOf(`/workflows/${other.workflow_id}/versions?limit=1`),
    ];
    const filters = [
      '',
      ...['ids', 'deployment_id', 'request_id', 'workflow_id', 'token_id', 'account_id'].map((name) => {
        const value = other[(name === 'ids' ? 'deployment_id' : name) as Param];
        return `?${name}=${value}`;
      }),
      `?group_by=token&token_id=${other.token_id}`,
      `?metadata.label=${MARK}`,
      `?kind=deployment&deployment_id=${other.deployment_id}`,
      '?includes=payload&includes=readme',
      ...cursors.map((cursor) => `?cursor=${encodeURIComponent(cursor)}`),
    ];
    for (const filter of filters) {
      const reply = await app().call(`${pathOf(id, { ...own })}${filter}`, { token: ownToken });
      expect([200, 422], reply.text).toContain(reply.status);
      expectSilent(reply, filter.split(/[=&]/));
    }
    const asked = await app().call('/events?all=true', { token: ownToken });
    expectRefused(asked, 403003, []);
  });

  async function cursorOf(path: string): Promise<string> {
    return String((await app().call(path, { token: world.otherToken })).body['next_cursor'] ?? '0');
  }
});

describe('a refusal does not tell in which state the other thing is', () => {
  it('deployments that are enabled, disabled and deleted; requests that wait and that ended', async () => {
    const { own, ownToken, otherToken } = world;
    const token = await app().addAccount();
    const make = async () => await makeThings(app(), { token, mark: 'third', webhook: receiver().url('/third') });
    const [enabled, disabled, deleted] = [await make(), await make(), await make()];
    const patch = { method: 'PATCH', token, body: { is_enabled: false } };
    await app().call(`/deployments/${disabled.deployment_id}`, patch);
    await app().call(`/deployments/${deleted.deployment_id}`, { method: 'DELETE', token });
    const extra_data = { emulator: { serviceMs: 60_000 } };
    const waiting = await app().submit(enabled.deployment_id, { extra_data }, { token });
    const answers = new Set<string>();
    for (const id of [enabled.deployment_id, disabled.deployment_id, deleted.deployment_id]) {
      answers.add(
        bare(await app().call(`/deployments/${id}/inference`, { method: 'POST', token: ownToken, body: {} }), id),
      );
    }
    expect(answers.size).toBe(1);
    answers.clear();
    for (const id of [enabled.request_id, waiting, disabled.request_id, deleted.request_id, waiting.toUpperCase()]) {
      answers.add(bare(await app().status(own.deployment_id, id, { token: ownToken }), id));
    }
    expect([...answers]).toEqual([expect.stringContaining('"error_code":403003')]);
    // The caller's own request under another deployment of its own is not there, and is nobody else's.
    const [mine, another] = [enabled.request_id, disabled.deployment_id];
    expectError(await app().status(another, mine, { token }), 404001);
    expectError(await app().status(another, waiting, { token }), 404001);
    expectError(await app().cancel(own.deployment_id, waiting, { token: otherToken }), 403003);
    expect((await app().cancel(enabled.deployment_id, waiting, { token })).status).toBe(202);
    await app().untilEnded(enabled.deployment_id, waiting, { token });
  });

  function bare(reply: Reply, id: string): string {
    return reply.text.replaceAll(id, 'ID').replace(String(reply.body['request_id']), 'CALL');
  }
});

describe('public addresses', () => {
  it.each(open)('%s takes no token, and a bad one does not matter', async (id) => {
    for (const header of [null, ...Object.values(world.refused)]) {
      const headers: Record<string, string> = header === null ? {} : { authorization: header };
      const reply = await call(id, { things: { ...world.own }, version: 'v2' }, { token: null, headers });
      expect(reply.status, reply.text).toBe(200);
      expectSilent(reply, []);
    }
  });
});

describe('after all that', () => {
  it('nothing of the other account has changed, and its token works', async () => {
    expect(await readAll(world.other.account_id)).toEqual(world.before);
    expect((await app().call('/account', { token: world.otherToken })).status).toBe(200);
    const path = `/deployments/${world.other.deployment_id}`;
    expect((await app().call(path, { token: world.otherToken })).body).toMatchObject({ is_enabled: true });
  });

  it.each(guarded)('%s works with the own ids', async (id) => {
    const things = { ...world.own, ...(await makeSpare[id]?.()) };
    const reply = await call(id, { things, version: 'v2' }, { token: ownerOf(id) });
    expect(reply.status, reply.text).toBe(ROUTE_CALLS[id].status ?? 200);
  });

  /** Of what is used, or was taken away by a route before. */
  const makeSpare: Partial<Record<RouteId, () => Promise<Partial<Things>>>> = {
    revokeAccountToken: async () => ({ token_id: await make('/tokens') }),
    deleteWorkflow: async () => ({ workflow_id: await make('/workflows') }),
  };

  async function make(path: string): Promise<string> {
    const made = await app().call(path, { method: 'POST', token: world.ownToken, body: { name: 'spare' } });
    return String(made.body['id']);
  }
});
