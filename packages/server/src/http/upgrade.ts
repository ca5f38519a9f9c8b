// Websocket upgrades as calls like any other: they pass the same hooks and end in a route's handler, which takes the
// socket, or in an error with a body. Wired by server.ts; the handler of a proxied websocket calls takeUpgrade().
import { IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

const UPGRADABLE = /^\/prod\/v[12]\/deployments\/[^/]+\/instances\/[^/]+\/proxy\//;
const upgrades = new WeakMap<IncomingMessage, Upgrade>();
/** Beside the object: its base sets the property before a field of its own would be there. */
const offers = new WeakSet<IncomingMessage>();

/**
 * Node asks a request for `upgrade` once its headers are there. With a listener for upgrades it would take every request
 * that offers one out of HTTP, also those of clients that offer h2c with an ordinary POST; only websockets to an
 * instance are wanted.
 */
export class UpgradableRequest extends IncomingMessage {
  get upgrade(): boolean {
    if (!offers.has(this) || this.headers.upgrade?.toLowerCase() !== 'websocket') return false;
    return this.method === 'GET' && UPGRADABLE.test(this.url ?? '');
  }

  set upgrade(isOffered: boolean) {
    if (isOffered) offers.add(this);
    else offers.delete(this);
  }
}

export function serveUpgrades(app: FastifyInstance, server: Server): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgrades.set(request, { request, socket, head });
    const response = new ServerResponse(request);
    // An answer other than the switch is the last thing on this socket.
    response.shouldKeepAlive = false;
    response.once('finish', () => socket.end());
    socket.on('error', () => socket.destroy());
    response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0]);
    app.routing(request, response);
  });
}

/** The socket of a call that asks for a websocket; undefined for an ordinary call. */
export function upgradeOf(request: IncomingMessage): Upgrade | undefined {
  return upgrades.get(request);
}

/** From here on the socket is the caller's of this function; nothing is answered by HTTP any more. */
export function takeUpgrade(upgrade: Upgrade, response: ServerResponse): void {
  upgrades.delete(upgrade.request);
  response.detachSocket(upgrade.socket as Parameters<ServerResponse['detachSocket']>[0]);
}
