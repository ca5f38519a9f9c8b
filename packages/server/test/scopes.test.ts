// Every route of the table under a token of each single scope: open exactly where the table says so.
import { ROUTES, routeOf, SCOPES, type Scope } from '@comfleet/api';
import { describe, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';

const app = useTestApp({ emulator: 'none' });
const NOBODYS_ID = '01a2103e-50f4-72a3-8a9f-38f7bf7783d3';

const guarded = ROUTES.filter(({ access }) => access === 'token');

describe.each(SCOPES)('a token of scope %s alone', (scope: Scope) => {
  let token: string | undefined;

  async function makeToken(): Promise<string> {
    const body = { name: scope, scopes: [scope] };
    const reply = await app().call('/tokens', { method: 'POST', body });
    return String(reply.body['token']);
  }

  it.each(guarded.map(({ id, method, path }) => [method, path, id] as const))('%s %s', async (anyOrOne, path, id) => {
    const method = anyOrOne === 'ANY' ? 'POST' : anyOrOne;
    token ??= await makeToken();
    const url = path.replace(/:\w+/g, NOBODYS_ID).replace('*', 'prompt');
    const { scopes } = routeOf(id);
    const hasBody = method === 'POST' || method === 'PATCH';
    const reply = await app().call(url, { method, token, ...(hasBody ? { body: {} } : {}) });
    if (scopes === undefined || scopes.includes(scope)) {
      expect(reply.status, reply.text).not.toBe(401);
      expect(reply.status, reply.text).not.toBe(403);
    } else {
      expect(expectError(reply, 403003).message).toContain(`this call needs ${scopes.join(' or ')}`);
    }
  });
});

it('every guarded route but the one that says who the caller is needs a scope', () => {
  expect(guarded.filter(({ id }) => routeOf(id).scopes === undefined).map(({ id }) => id)).toEqual(['getAccount']);
});

it('what changes something needs more than read, and administrators have their own scope', () => {
  for (const { id, method, path } of guarded) {
    const { scopes = [] } = routeOf(id);
    if (method !== 'GET' && method !== 'HEAD') expect(scopes, id).not.toContain('read');
    expect(scopes.includes('admin'), id).toBe(path.startsWith('/admin/'));
  }
});
