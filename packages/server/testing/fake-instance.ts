// An instance that says what a test wants: enough of ComfyUI to be ready, and handlers of the test's own for paths.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface FakeInstance {
  readonly url: string;
  /** Of every call with a handler, newest last. */
  readonly calls: IncomingMessage[];
  /** Open websockets, by the client id they came with. */
  readonly sockets: Map<string, WebSocket>;
  readonly received: string[];
  stop(): Promise<void>;
}

export type Handlers = Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>>;

export async function startFakeInstance(handlers: Handlers): Promise<FakeInstance> {
  const calls: IncomingMessage[] = [];
  const sockets = new Map<string, WebSocket>();
  const received: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const handle = handlers[path];
    if (handle) {
      calls.push(request);
      return handle(request, response);
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(path === '/prompt' ? '{"exec_info": {"queue_remaining": 0}}' : '{}');
  });
  const upgrades = new WebSocketServer({ server, path: '/ws' });
  upgrades.on('connection', (socket, request) => {
    const clientId = new URL(request.url ?? '', 'http://x').searchParams.get('clientId') ?? '';
    sockets.set(clientId, socket);
    socket.on('message', (data) => received.push(String(data)));
    socket.on('close', () => sockets.delete(clientId));
    const status = { status: { exec_info: { queue_remaining: 0 } }, sid: clientId };
    socket.send(JSON.stringify({ type: 'status', data: status }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    sockets,
    received,
    async stop() {
      for (const socket of sockets.values()) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
