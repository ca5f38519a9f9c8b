import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, connect as netConnect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { buildConnector } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import type { Connector } from './exchange.ts';
import type { Lookup } from './resolve-target.ts';
import { createSafeFetch, type FetchResult, type SafeFetchDeps } from './safe-fetch.ts';

// Nothing here leaves loopback: names are answered by a table, and every connection is either to an allow-listed
// loopback server or through a recording connector that leads to one.

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(handler: Handler): Promise<{ port: number; url: string }> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}` };
}

// Stands for the internet: public names and addresses all lead to one loopback server, over plain TCP.
function fakeInternet(port: number) {
  const dialled: string[] = [];
  const connect: Connector = ({ hostname }, callback) => {
    dialled.push(hostname);
    const socket = netConnect({ host: '127.0.0.1', port });
    socket.once('connect', () => callback(null, socket));
    socket.once('error', (error) => callback(error, null));
  };
  return { dialled, connect };
}

function answers(table: Record<string, string[]>): { lookup: Lookup; asked: string[] } {
  const asked: string[] = [];
  const lookup: Lookup = async (hostname) => {
    asked.push(hostname);
    const addresses = table[hostname];
    if (!addresses) throw new Error(`ENOTFOUND ${hostname}`);
    return addresses.map((address) => ({ address }));
  };
  return { lookup, asked };
}

const LIMITS = { maxBytes: 1_000_000, timeoutMs: 5_000 };

function fetcher(deps: Partial<SafeFetchDeps>) {
  return createSafeFetch({ allowPrivateHosts: [], userAgent: 'test', ...deps });
}

async function bodyOf(result: FetchResult): Promise<string> {
  if (result.kind !== 'ok') throw new Error(`${result.reason}: ${result.message}`);
  return (await buffer(result.stream)).toString('latin1');
}

async function failureOf(result: FetchResult): Promise<string> {
  if (result.kind === 'refused') return result.reason;
  return buffer(result.stream).then(
    () => 'read to its end',
    (error) => error.reason,
  );
}

describe('addresses', () => {
  it('a public name is fetched over https from exactly the address that was checked', async () => {
    const { port } = await serve((request, response) => response.end(`host ${request.headers.host}`));
    const internet = fakeInternet(port);
    const dns = answers({ 'pictures.example': ['93.184.216.34', '2606:2800:220:1::1'] });
    const result = await fetcher({ ...internet, ...dns }).get('https://pictures.example/cat.png', LIMITS);
    expect(await bodyOf(result)).toBe('host pictures.example');
    expect(internet.dialled).toEqual(['93.184.216.34']);
  });

  it('the next checked address is tried when the first does not connect', async () => {
    const { port } = await serve((_request, response) => response.end('second'));
    const internet = fakeInternet(port);
    const connect: Connector = (options, callback) =>
      options.hostname === '2606:2800:220:1::1'
        ? callback(new Error('ENETUNREACH'), null)
        : internet.connect(options, callback);
    const dns = answers({ 'pictures.example': ['2606:2800:220:1::1', '93.184.216.34'] });
    expect(await bodyOf(await fetcher({ connect, ...dns }).get('https://pictures.example/', LIMITS))).toBe('second');
  });

  it('TLS asks for the certificate of the name, although the address is dialled', async () => {
    let hello = '';
    const server = createTcpServer((socket) => {
      socket.on('error', () => {}); // the client resets when it is told nothing
      socket.once('data', (bytes) => {
        hello = bytes.toString('latin1');
        socket.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const real = buildConnector({});
    const connect: Connector = (options, callback) =>
      real({ ...options, hostname: '127.0.0.1', port: String(port) }, callback);
    const dns = answers({ 'pictures.example': ['93.184.216.34'] });
    const result = await fetcher({ connect, ...dns }).get('https://pictures.example/', LIMITS);
    expect(result).toMatchObject({ kind: 'refused', reason: 'unreachable' });
    expect(hello).toContain('pictures.example');
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    ['a private answer', ['10.0.0.5']],
    ['one private answer among public ones', ['93.184.216.34', '127.0.0.1']],
    ['a cloud metadata answer', ['169.254.169.254']],
    ['an answer that maps a private IPv4 into IPv6', ['::ffff:10.0.0.5']],
    ['a NAT64 answer around loopback', ['64:ff9b::7f00:1']],
    ['an answer that is no address', ['localhost']],
  ])('%s is never dialled', async (_what, addresses) => {
    const internet = fakeInternet(1);
    const result = await fetcher({ ...internet, ...answers({ 'evil.example': addresses }) }).get(
      'https://evil.example/x?token=hunter2',
      LIMITS,
    );
    expect(result).toMatchObject({ kind: 'refused', reason: 'not_allowed', isRetryable: false });
    expect(internet.dialled).toEqual([]);
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it.each([
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://0x7f000001/',
    'https://[::ffff:7f00:1]/',
    'https://169.254.169.254/',
  ])('the literal %s is refused although no resolver is asked', async (url) => {
    const internet = fakeInternet(1);
    const dns = answers({});
    expect(await fetcher({ ...internet, ...dns }).get(url, LIMITS)).toMatchObject({ reason: 'not_allowed' });
    expect([internet.dialled, dns.asked]).toEqual([[], []]);
  });

  it('a name that answers differently the second time (DNS rebinding) is resolved only once per hop', async () => {
    const { port } = await serve((_request, response) => response.end('first answer'));
    const internet = fakeInternet(port);
    const replies = [['93.184.216.34'], ['127.0.0.1']];
    const lookup: Lookup = async () => (replies.shift() ?? ['127.0.0.1']).map((address) => ({ address }));
    const safeFetch = fetcher({ ...internet, lookup });
    expect(await bodyOf(await safeFetch.get('https://rebind.example/', LIMITS))).toBe('first answer');
    expect(await safeFetch.get('https://rebind.example/', LIMITS)).toMatchObject({ reason: 'not_allowed' });
    expect(internet.dialled).toEqual(['93.184.216.34']);
  });

  it('a name that resolves to a private address and one that does not resolve get the same text', async () => {
    const safeFetch = fetcher({ ...fakeInternet(1), ...answers({ 'a.example': ['10.0.0.1'] }) });
    const first = await safeFetch.get('https://a.example/', LIMITS);
    const second = await safeFetch.get('https://b.example/', LIMITS);
    const text = (result: FetchResult) =>
      result.kind === 'refused' ? result.message.replace(/[ab]\.example/, '') : '';
    expect(text(first)).toBe(text(second));
  });

  it('a port that refuses and one that answers rubbish get the same text', async () => {
    const rubbish = await serve((_request, response) => response.socket?.end('220 mail ESMTP\r\n'));
    const dns = answers({ 'a.example': ['93.184.216.34'] });
    const open = await fetcher({ ...fakeInternet(rubbish.port), ...dns }).get('https://a.example/', LIMITS);
    const closed = await fetcher({ ...fakeInternet(1), ...dns }).get('https://a.example/', LIMITS);
    expect(open).toEqual(closed);
    expect(open).toMatchObject({ kind: 'refused', reason: 'unreachable', isRetryable: true });
  });
});

describe('the allow-list of private hosts', () => {
  it('opens http and any port for exactly the written host and port', async () => {
    const { port, url } = await serve((_request, response) => response.end('mine'));
    const safeFetch = fetcher({ allowPrivateHosts: [`127.0.0.1:${port}`] });
    expect(await bodyOf(await safeFetch.get(`${url}/x.png`, LIMITS))).toBe('mine');
    for (const other of [
      `http://127.1:${port}/`,
      `http://2130706433:${port}/`,
      'http://127.0.0.1:1/',
      'http://127.0.0.1/',
    ]) {
      expect(await safeFetch.get(other, LIMITS), other).toMatchObject({ reason: 'not_allowed' });
    }
  });

  it('opens IPv6 as [::1]:port', async () => {
    const server = createServer((_request, response) => response.end('six'));
    servers.push(server);
    const isHere = await new Promise((resolve) => {
      server.once('error', () => resolve(false)).listen(0, '::1', () => resolve(true));
    });
    const port = isHere ? (server.address() as AddressInfo).port : 1;
    const url = `http://[::1]:${port}/`;
    expect(await fetcher({}).get(url, LIMITS)).toMatchObject({ reason: 'not_allowed' });
    const result = await fetcher({ allowPrivateHosts: [`[::1]:${port}`] }).get(url, LIMITS);
    if (isHere) expect(await bodyOf(result)).toBe('six');
    else expect(result).toMatchObject({ reason: 'unreachable' });
  });

  it('opens a name, whatever it resolves to, but not the address it resolves to', async () => {
    const { port } = await serve((_request, response) => response.end('by name'));
    const dns = answers({ 'files.local': ['127.0.0.1'] });
    const safeFetch = fetcher({ allowPrivateHosts: [`files.local:${port}`], ...dns });
    expect(await bodyOf(await safeFetch.get(`http://files.local:${port}/`, LIMITS))).toBe('by name');
    expect(await safeFetch.get(`http://127.0.0.1:${port}/`, LIMITS)).toMatchObject({ reason: 'not_allowed' });
  });
});

describe('redirects', () => {
  it('three are followed, relative and absolute, and each hop is checked', async () => {
    const { url, port } = await serve((request, response) => {
      const step = Number(request.url?.slice(1) ?? 0);
      if (step === 3) response.end('arrived');
      else response.writeHead(302, { location: step === 1 ? `http://127.0.0.1:${port}/2` : `/${step + 1}` }).end();
    });
    const safeFetch = fetcher({ allowPrivateHosts: [`127.0.0.1:${port}`] });
    expect(await bodyOf(await safeFetch.get(`${url}/0`, LIMITS))).toBe('arrived');
  });

  it.each([
    'http://127.0.0.1:1/',
    'https://10.0.0.1/',
    'https://[::1]/',
    'http://93.184.216.34/',
    'file:///etc/passwd',
    '//169.254.169.254/x',
  ])('a redirect to %s is refused', async (location) => {
    const { url, port } = await serve((_request, response) => response.writeHead(302, { location }).end());
    const result = await fetcher({ allowPrivateHosts: [`127.0.0.1:${port}`] }).get(url, LIMITS);
    expect(result).toMatchObject({ kind: 'refused', reason: 'not_allowed' });
  });

  it('a loop ends after three', async () => {
    let hits = 0;
    const { url, port } = await serve((_request, response) => {
      hits++;
      response.writeHead(301, { location: '/again' }).end();
    });
    const result = await fetcher({ allowPrivateHosts: [`127.0.0.1:${port}`] }).get(url, LIMITS);
    expect(result).toMatchObject({ reason: 'too_many_redirects' });
    expect(hits).toBe(4);
  });
});

describe('sizes, times and encodings', () => {
  async function from(
    handler: Handler,
    options: Partial<typeof LIMITS & { signal: AbortSignal }> = {},
    idleTimeoutMs = 5_000,
  ) {
    const { url, port } = await serve(handler);
    const safeFetch = fetcher({ allowPrivateHosts: [`127.0.0.1:${port}`], limits: { idleTimeoutMs } });
    return safeFetch.get(`${url}/?secret=1`, { ...LIMITS, ...options });
  }

  it('a body of exactly the limit is read, one byte more is not', async () => {
    const send = (bytes: number) =>
      from((_request, response) => response.end(Buffer.alloc(bytes)), { maxBytes: 70_000 });
    expect(await failureOf(await send(70_000))).toBe('read to its end');
    expect(await failureOf(await send(70_001))).toBe('too_large');
  });

  it('a body that never ends is cut at the limit', async () => {
    const result = await from(
      (_request, response) => {
        const more = () => {
          while (response.write(Buffer.alloc(65_536))) {}
        };
        response.on('drain', more);
        more();
      },
      { maxBytes: 500_000 },
    );
    expect(await failureOf(result)).toBe('too_large');
  });

  it('a body that comes too slowly is given up, also when it always comes a little', async () => {
    const result = await from(
      (_request, response) => {
        const timer = setInterval(() => response.write('x'), 20);
        response.on('close', () => clearInterval(timer));
      },
      { timeoutMs: 300 },
    );
    expect(await failureOf(result)).toBe('too_slow');
  });

  it('a server that accepts and says nothing is given up in time', async () => {
    const result = await from(() => {}, { timeoutMs: 200 });
    expect(result).toMatchObject({ kind: 'refused', reason: 'too_slow', isRetryable: true });
  });

  it('a resolver that never answers is given up in time', async () => {
    const safeFetch = fetcher({ lookup: () => new Promise(() => {}) });
    const result = await safeFetch.get('https://a.example/', { ...LIMITS, timeoutMs: 100 });
    expect(result).toMatchObject({ kind: 'refused', reason: 'too_slow' });
  });

  it('a body that falls silent ends by the idle limit', async () => {
    const result = await from((_request, response) => void response.write('x'), {}, 300);
    expect(await failureOf(result)).toBe('unreachable');
  });

  it('a body that breaks off is not taken for a whole one', async () => {
    const result = await from((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    expect(await failureOf(result)).toBe('unreachable');
  });

  it('a body that fails before anybody reads it harms nobody, and tells the reader later', async () => {
    const result = await from((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    if (result.kind !== 'ok') throw new Error(result.message);
    await new Promise((resolve) => result.stream.resume().once('close', resolve));
    expect(await failureOf(result)).toBe('unreachable');
  });

  it('the caller can give up while the body comes', async () => {
    const controller = new AbortController();
    const result = await from((_request, response) => void response.write('x'), { signal: controller.signal });
    const failure = failureOf(result);
    controller.abort();
    expect(await failure).toBe('aborted');
  });

  it.each([
    ['gzip', gzipSync(Buffer.from('a picture'))],
    ['br', brotliCompressSync(Buffer.from('a picture'))],
    ['identity', Buffer.from('a picture')],
  ])('one layer of %s is undone although none was asked for', async (encoding, body) => {
    const result = await from((request, response) => {
      expect(request.headers['accept-encoding']).toBe('identity');
      response.writeHead(200, { 'content-encoding': encoding }).end(body);
    });
    expect(await bodyOf(result)).toBe('a picture');
  });

  it('a gzip bomb is cut at the limit of what it unfolds to', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(100_000);
    const result = await from((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    );
    expect(await failureOf(result)).toBe('too_large');
  });

  it.each(['gzip, gzip', 'br, gzip', 'zstd', 'constructor'])('the encoding "%s" is refused', async (encoding) => {
    const result = await from((_request, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end('x'),
    );
    expect(result).toMatchObject({ kind: 'refused', reason: 'encoding' });
  });

  it('a status that is no success is reported without query or body', async () => {
    const result = await from((_request, response) => response.writeHead(403).end('inner details'));
    expect(result).toMatchObject({ kind: 'refused', reason: 'status', status: 403, isRetryable: false });
    expect(JSON.stringify(result)).not.toMatch(/secret|inner/);
  });

  it('a server error may be tried again', async () => {
    const result = await from((_request, response) => response.writeHead(503).end());
    expect(result).toMatchObject({ reason: 'status', status: 503, isRetryable: true });
  });
});

describe('post', () => {
  it('sends the body and headers, and reports whatever status comes without following it', async () => {
    const seen: string[] = [];
    const { url, port } = await serve((request, response) => {
      request.setEncoding('utf8').once('data', (body) => {
        seen.push(`${request.method} ${request.headers['webhook-id']} ${body}`);
        response.writeHead(301, { location: '/elsewhere' }).end('moved');
      });
    });
    const safeFetch = fetcher({ allowPrivateHosts: [`127.0.0.1:${port}`] });
    const result = await safeFetch.post(url, { ...LIMITS, headers: { 'webhook-id': '7' }, body: '{"a":1}' });
    expect(result).toEqual({ kind: 'ok', status: 301, text: 'moved' });
    expect(seen).toEqual(['POST 7 {"a":1}']);
  });

  it('tells the status of a reply without end, and reads no more of it than allowed', async () => {
    let sentBytes = 0;
    let isCut: () => void;
    const cut = new Promise<void>((resolve) => {
      isCut = resolve;
    });
    const { url, port } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '10000000000' });
      const chunk = 'x'.repeat(16_384);
      const more = () => {
        do sentBytes += chunk.length;
        while (response.write(chunk));
      };
      response.on('drain', more).on('close', () => isCut());
      more();
    });
    const safeFetch = fetcher({ allowPrivateHosts: [`127.0.0.1:${port}`] });
    const result = await safeFetch.post(url, { ...LIMITS, maxBytes: 65_536, headers: {}, body: '{}' });
    expect(result).toEqual({ kind: 'ok', status: 200, text: 'x'.repeat(1_024) });
    await cut;
    expect(sentBytes).toBeLessThan(20_000_000); // what lies in the sockets' buffers, not the whole
  });

  it('gives up a reply that trickles, and keeps its status and what came', async () => {
    const { url, port } = await serve((_request, response) => {
      response.writeHead(500, { 'content-type': 'text/plain' });
      response.write('a');
    });
    const safeFetch = fetcher({ allowPrivateHosts: [`127.0.0.1:${port}`] });
    const result = await safeFetch.post(url, { ...LIMITS, headers: {}, body: '{}' });
    expect(result).toEqual({ kind: 'ok', status: 500, text: 'a' });
  });

  it('uses a connection again only for the addresses it was checked for', async () => {
    const ports: (number | undefined)[] = [];
    const { port } = await serve((request, response) => {
      ports.push(request.socket.remotePort);
      response.end();
    });
    const internet = fakeInternet(port);
    let address = '93.184.216.34';
    const lookup: Lookup = async () => [{ address }];
    const safeFetch = fetcher({ ...internet, lookup });
    const post = () => safeFetch.post('https://hooks.example/', { ...LIMITS, headers: {}, body: '{}' });
    for (let turn = 0; turn < 8; turn += 1) await post();
    expect(new Set(ports).size).toBeLessThan(4);
    expect(new Set(internet.dialled)).toEqual(new Set(['93.184.216.34']));
    address = '93.184.216.35';
    await post();
    expect(internet.dialled.at(-1)).toBe('93.184.216.35');
    address = '10.0.0.1';
    expect(await post()).toMatchObject({ kind: 'refused', reason: 'not_allowed' });
  });

  it('is refused for private addresses like a fetch', async () => {
    const result = await fetcher({}).post('https://10.0.0.1/', { ...LIMITS, headers: {}, body: '' });
    expect(result).toMatchObject({ reason: 'not_allowed' });
  });
});
