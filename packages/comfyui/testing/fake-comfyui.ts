// A tiny ComfyUI for this package's own tests: answers as the test says, keeps what it heard, and can misbehave on
// the socket level. The real look-alike is the emulator; this one exists to be wrong in chosen ways.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface HeardRequest {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

export type Answer = (request: HeardRequest, response: ServerResponse) => void;

export interface FakeComfyui {
  url: string;
  heard: HeardRequest[];
  sockets: { ws: WebSocket; clientId: string; messages: string[]; headers: IncomingMessage['headers'] }[];
  close(): Promise<void>;
}

export interface FakeOptions {
  answer?: Answer;
  /** Instead of reading the whole request first. */
  rawAnswer?: (request: IncomingMessage, response: ServerResponse) => void;
  onSocket?: (ws: WebSocket, clientId: string) => void;
  onConnection?: () => void;
  autoPong?: boolean;
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  sendText(response, JSON.stringify(value), status);
}

export function sendText(response: ServerResponse, text: string | Buffer, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function startFakeComfyui(options: FakeOptions = {}): Promise<FakeComfyui> {
  const heard: HeardRequest[] = [];
  const sockets: FakeComfyui['sockets'] = [];
  const server = createServer((request, response) => {
    if (options.rawAnswer) {
      options.rawAnswer(request, response);
      return;
    }
    readBody(request).then(
      (body) => {
        const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
        heard.push(one);
        if (options.answer) options.answer(one, response);
        else sendJson(response, {});
      },
      // A request that broke off is what several tests provoke.
      () => response.destroy(),
    );
  });
  const open = trackConnections(server);
  if (options.onConnection) server.on('connection', options.onConnection);
  const wss = new WebSocketServer({ noServer: true, autoPong: options.autoPong ?? true });
  server.on('upgrade', (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (ws) => {
      const clientId = new URL(request.url ?? '', 'http://x').searchParams.get('clientId') ?? '';
      const entry = { ws, clientId, messages: [] as string[], headers: request.headers };
      sockets.push(entry);
      ws.on('message', (data) => entry.messages.push(String(data)));
      if (options.onSocket) options.onSocket(ws, clientId);
      else
        ws.send(`{"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "${clientId}"}}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    heard,
    sockets,
    close: () =>
      new Promise((resolve) => {
        for (const { ws } of sockets) ws.terminate();
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function trackConnections(server: Server): Set<Socket> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  return open;
}
