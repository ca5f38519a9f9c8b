// How the service behaves as an HTTP server: rate limits, CORS, HEAD and OPTIONS, what is not quite HTTP.
// routes: getLiveness, getReadiness, getOpenApi
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';

describe('rate limits', () => {
  const app = useTestApp({ env: { COMFLEET_RATE_LIMIT_WRITES: '5', COMFLEET_RATE_LIMIT_READS: '1000' } });

  it('answer 429001 with when to come back, for this token and kind of call alone', async () => {
    const other = await app().addAccount();
    const calls = Array.from({ length: 30 }, () => app().call('/workflows', { method: 'POST', body: { name: 'w' } }));
    const replies = await Promise.all(calls);
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(replies.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(5);
    for (const reply of refused) {
      expect(expectError(reply, 429001).message).toContain('more than 5 writes a second');
      expect(reply.headers.get('retry-after')).toBe('1');
      expect(reply.headers.get('ratelimit-policy')).toBe('"writes";q=5;w=1');
      expect(reply.headers.get('ratelimit')).toBe('"writes";r=0;t=1');
    }
    expect((await app().call('/workflows')).status).toBe(200);
    expect((await app().call('/workflows', { method: 'POST', body: { name: 'w' }, token: other })).status).toBe(200);
  });

  it('slow down who guesses tokens, and nobody who has one', async () => {
    const guess = () => app().call('/deployments', { token: 'never-was-one-of-ours' });
    const replies = await Promise.all(Array.from({ length: 120 }, guess));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([401, 429]));
    for (const reply of replies) expectError(reply, reply.status === 401 ? 401001 : 429001);
    expect((await app().call('/deployments')).status).toBe(200);
  });
});

describe('CORS', () => {
  const app = useTestApp({ env: { COMFLEET_CORS_ORIGINS: 'https://page.example' } });
  const origin = 'https://page.example';
  const ask = (path: string, headers: Record<string, string>, method = 'OPTIONS') =>
    app().call(path, { method, headers, token: method === 'OPTIONS' ? null : ADMIN_TOKEN });

  it('lets a named origin call and read our headers', async () => {
    const reply = await ask('/deployments', { origin }, 'GET');
    expect(reply.headers.get('access-control-allow-origin')).toBe(origin);
    expect(reply.headers.get('access-control-expose-headers')).toContain('retry-after');
    expect(reply.headers.get('access-control-allow-credentials')).toBeNull();
    expect(reply.headers.get('vary')).toBe('Origin');
  });

  it('answers a preflight without a token', async () => {
    const reply = await ask('/deployments', { origin, 'access-control-request-method': 'POST' });
    expect(reply.status).toBe(204);
    expect(reply.headers.get('access-control-allow-methods')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'POST']);
    expect(reply.headers.get('access-control-allow-headers')).toContain('authorization');
  });

  it('gives no leave to another origin, nor for a method that the path does not take', async () => {
    const other = await ask('/deployments', { origin: 'https://evil.example' }, 'GET');
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    const method = await ask('/deployments', { origin, 'access-control-request-method': 'PUT' });
    expect(method.headers.get('access-control-allow-methods')).toBeNull();
  });
});

describe('without settings', () => {
  const app = useTestApp();

  it('there is no CORS', async () => {
    const reply = await app().call('/deployments', { headers: { origin: 'https://page.example' } });
    expect(reply.headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each(['/deployments', '/workflows', '/hardware', '/account', '//healthz', '//readyz', '//openapi.json'])(
    'HEAD %s is GET without a body',
    async (path) => {
      const [get, head] = [await app().call(path), await app().call(path, { method: 'HEAD' })];
      expect(head.status).toBe(get.status);
      expect(head.text).toBe('');
      for (const name of ['content-type', 'content-length'])
        expect(head.headers.get(name), name).toBe(get.headers.get(name));
    },
  );

  it('OPTIONS says without a token what a path takes', async () => {
    const reply = await app().call('/deployments', { method: 'OPTIONS', token: null });
    expect(reply.status).toBe(204);
    expect(reply.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'OPTIONS', 'POST']);
  });

  const auth = `Authorization: Bearer ${ADMIN_TOKEN}\r\n`;
  it.each([
    [
      'a length beside chunks',
      `POST /prod/v2/workflows HTTP/1.1\r\nHost: localhost\r\n${auth}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      '400',
    ],
    ['a length that is no number', `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n`, '400'],
    [
      'garbage for a chunk',
      `POST /prod/v2/workflows HTTP/1.1\r\nHost: localhost\r\n${auth}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
      '400',
    ],
    ['no Host', `GET /healthz HTTP/1.1\r\n\r\n`, '400'],
    ['a NUL in a header', `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n`, '400'],
    [
      'too many bytes of headers',
      `GET /healthz HTTP/1.1\r\nHost: localhost\r\n${'X-Y: z\r\n'.repeat(8_000)}\r\n`,
      '431',
    ],
    [
      'a huge length',
      `POST /prod/v2/workflows HTTP/1.1\r\nHost: localhost\r\n${auth}Content-Length: 99999999999\r\n\r\n`,
      '413',
    ],
    ['two Hosts', `GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n`, '400'],
  ])('%s is refused', async (_what, text, status) => {
    const heard = await say(app().url, text);
    expect(heard.slice(9, 12)).toBe(status);
    expect(heard).toContain('"error_code":');
    expect(heard.toLowerCase()).toContain('x-request-id:');
  });
});

async function say(url: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(text);
  let heard = '';
  for await (const chunk of socket) {
    heard += String(chunk);
    if (heard.includes('"request_id"')) break;
  }
  return heard;
}
