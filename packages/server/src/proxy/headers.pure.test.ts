import { expect, it } from 'vitest';
import { judgeFraming, toCallerHeaders, toInstanceHeaders } from './headers.pure.ts';

it('an instance hears of the call and its body, and nothing of who calls or from where', () => {
  const about = { accept: '*/*', 'content-type': 'a/b', range: 'bytes=0-1', 'if-none-match': '"x"', 'user-agent': 'u' };
  const rest = {
    authorization: 'Bearer x',
    'proxy-authorization': 'x',
    cookie: 'a=b',
    origin: 'http://x',
    referer: 'http://x',
    host: 'x',
    'x-forwarded-for': '1.1.1.1',
    forwarded: 'for=x',
    'x-api-key': 'x',
    'comfy-user': 'x',
    'idempotency-key': 'x',
    te: 'trailers',
    connection: 'close',
    upgrade: 'h2c',
    expect: '100-continue',
  };
  expect(toInstanceHeaders({ ...about, ...rest })).toEqual(about);
});

it('a caller gets what the instance says, but for the connection, cookies, CORS and inner addresses', () => {
  const kept = { 'content-type': 'a/b', etag: '"x"', location: '/relative', 'x-own': 'a', vary: 'accept' };
  const dropped = {
    connection: 'keep-alive, x-hop',
    'x-hop': 'a',
    'keep-alive': 'timeout=1',
    'transfer-encoding': 'chunked',
    'set-cookie': ['a=b'],
    'access-control-allow-credentials': 'true',
    'strict-transport-security': 'x',
  };
  expect(toCallerHeaders({ ...kept, ...dropped })).toEqual(kept);
  for (const location of ['http://10.0.0.1/', '//inner/', 'HTTPS://inner']) {
    expect(toCallerHeaders({ location })).toEqual({});
  }
});

it.each([
  [{}, true],
  [{ connection: 'keep-alive' }, true],
  [{ connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' }, true],
  [{ connection: 'upgrade', upgrade: 'websocket' }, true],
  [{ 'transfer-encoding': 'chunked' }, true],
  [{ connection: 'close, content-length' }, false],
  [{ connection: 'x-api-key' }, false],
  [{ upgrade: 'spdy' }, false],
  [{ 'transfer-encoding': 'gzip, chunked' }, false],
])('framing that may be passed on: %j %s', (headers, isFine) => {
  expect(judgeFraming(headers) === undefined).toBe(isFine);
});
