// One GET from one checked target, on a connection of its own that is pinned to the checked addresses.
// Called by safe-fetch.ts once per hop.
import { type buildConnector, Client, type Dispatcher } from 'undici';
import type { Target } from './target.ts';

export type Connector = buildConnector.connector;

export interface Ask {
  headers: Record<string, string>;
  signal: AbortSignal;
}

export interface Exchange {
  reply: Dispatcher.ResponseData;
  close(): void;
}

// Tries the checked addresses in order, and nothing else: the host name goes into TLS and Host, never to a resolver.
export function pinnedConnector(connect: Connector, addresses: readonly string[]): Connector {
  return (options, callback) => {
    const attempt = (index: number) => {
      const address = addresses[index];
      if (address === undefined) return callback(new Error('no address left'), null);
      let isSettled = false; // a socket that fails later must not open the next address
      connect({ ...options, hostname: address }, (...[error, socket]) => {
        if (isSettled) return;
        isSettled = true;
        if (socket) callback(null, socket);
        else if (index + 1 < addresses.length) attempt(index + 1);
        else callback(error ?? new Error('connection failed'), null);
      });
    };
    attempt(0);
  };
}

export async function exchange(
  deps: { connect: Connector; idleTimeoutMs: number },
  where: { target: Target; addresses: readonly string[] },
  ask: Ask,
): Promise<Exchange> {
  const { url } = where.target;
  const client = new Client(url.origin, {
    connect: pinnedConnector(deps.connect, where.addresses),
    headersTimeout: deps.idleTimeoutMs,
    bodyTimeout: deps.idleTimeoutMs,
    pipelining: 1,
  });
  const close = () => void client.destroy().catch(() => {}); // a failing teardown has nobody left to tell
  try {
    const reply = await client.request({
      method: 'GET',
      path: `${url.pathname}${url.search}`,
      headers: ask.headers,
      signal: ask.signal,
    });
    return { reply, close };
  } catch (error) {
    close();
    throw error;
  }
}
