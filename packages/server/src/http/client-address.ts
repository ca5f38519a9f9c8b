// Whose call it is, by address: the connection's, or what a trusted proxy says of it. Used by serve-route.ts.
import type { IncomingMessage } from 'node:http';
import { createAddressList } from './public-url.ts';

export function createClientAddress(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  if (trustedProxies.length === 0) return (request) => request.socket.remoteAddress ?? '';
  const isTrusted = createAddressList(trustedProxies);
  return (request) => {
    const address = request.socket.remoteAddress ?? '';
    const header = request.headers['x-forwarded-for'];
    if (header === undefined || !isTrusted(address)) return address;
    // Each proxy appends whom it saw: the last that is none of ours is the caller, what stands before is hearsay.
    const chain = String(header)
      .split(',')
      .map((entry) => entry.trim())
      .reverse();
    return chain.find((entry) => entry !== '' && !isTrusted(entry)) ?? address;
  };
}
