// The HTTP side: finds the route, answers failures as aiohttp does, upgrades websockets, and shows the faults that hit
// connections rather than prompts. Created by emulator.ts.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { FaultControl } from '../faults/fault-control.ts';
import { PythonError } from '../python/errors.ts';
import type { Sockets } from '../sockets.ts';
import { isUpgradeRefused, misbehave } from './connection-faults.ts';
import { type Exchange, HttpFailure, sendEmpty, sendText, serverError } from './exchange.ts';
import { createRouter, type Route } from './router.ts';

interface HttpServerDeps {
  routes: readonly Route[];
  sockets: Sockets;
  faults: FaultControl;
}

/** aiohttp's limit for what a websocket client may send. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024;

export function createHttpServer({ routes, sockets, faults }: HttpServerDeps): Server {
  const findRoute = createRouter(routes);
  const upgrades = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, query } = readTarget(request);
    if (!path.startsWith('/emulator/') && (await misbehave({ server, faults }, path, response))) return;
    if (isForeignOrigin(request)) {
      sendEmpty(response, 403);
      return;
    }
    await answer({ request, response, path, query });
  }

  async function answer(exchange: Exchange): Promise<void> {
    const { request, response, path } = exchange;
    const found = findRoute(request.method ?? 'GET', path);
    if (found.kind === 'found') return await found.handler(exchange, found.params);
    if (found.kind === 'unknown' && isReading(request.method)) return sendUnknownPath(response);
    response.setHeader('Allow', found.kind === 'wrong-method' ? found.allowed.join(',') : 'GET,HEAD');
    sendText(response, 405, '405: Method Not Allowed');
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => answerFailure(response, error));
  });
  // ComfyUI keeps idle connections for long; clients must not see them closed between two requests.
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 0;
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { path, query } = readTarget(request);
    if (isUpgradeRefused({ server, faults }, path, socket)) return;
    if (path !== '/ws' || isForeignOrigin(request)) {
      socket.destroy();
      return;
    }
    upgrades.handleUpgrade(request, socket, head, (client) => sockets.accept(client, query.get('clientId') ?? ''));
  });
  return server;
}

function readTarget(request: IncomingMessage): { path: string; query: URLSearchParams } {
  const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s);
  // Every route exists twice, with and without /api, but for the internal ones.
  const isAlias = path.startsWith('/api/') && !path.startsWith('/api/internal/');
  return { path: isAlias ? path.slice('/api'.length) : path, query: new URLSearchParams(query) };
}

const isReading = (method: string | undefined) => method === 'GET' || method === 'HEAD';

/** The handler of static files answers every unknown path, in its own way: chunked and empty. */
function sendUnknownPath(response: ServerResponse): void {
  response.writeHead(404, { 'Content-Type': 'application/octet-stream', 'Transfer-Encoding': 'chunked' });
  response.end();
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

/** A browser page of another origin may not talk to a server on loopback. */
function isForeignOrigin({ headers }: IncomingMessage): boolean {
  const { host = '', origin } = headers;
  if (origin === undefined || !LOOPBACK.test(host)) return false;
  try {
    return new URL(origin).host !== host;
  } catch {
    return false; // "null" and the like have no host to compare
  }
}

function answerFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const failure = error instanceof HttpFailure ? error : serverError();
  if (!(error instanceof HttpFailure) && !(error instanceof PythonError)) reportBug(error);
  sendText(response, failure.status, failure.message);
}

function reportBug(error: unknown): void {
  process.stderr.write(`emulator: ${error instanceof Error ? error.stack : String(error)}\n`);
}
