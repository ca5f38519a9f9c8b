// F: a back end that answers at once, so that what stands in front of it is what is measured. Speaks as much of ComfyUI as
// the gateway uses, runs one prompt at a time for a settable service time, and stamps what came when (GET /bench/stamps).
// Run as a process: fake-comfyui.ts <port> <service ms>. A comma list of ports makes as many, with a life of its own each,
// in one thread: a thread each would take as many shares of the cores from what is measured.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { FakeInstance, type FrameSink, pictureOf } from './fake-instance.ts';

const ports = (process.argv[2] ?? '').split(',').map(Number);
const serviceMs = Number(process.argv[3] ?? 0);
const MEBIBYTE = Buffer.alloc(1024 * 1024, 'x');
const NOTHING = Buffer.alloc(0);
const KEEP_ALIVE_MS = 75_000;

/** What is written in one turn of the event loop goes out together: a call to the kernel for each frame is what F would mostly cost. */
function createCork(socket: Socket): () => void {
  let isCorked = false;
  return () => {
    if (isCorked) return;
    isCorked = true;
    socket.cork();
    process.nextTick(() => {
      isCorked = false;
      socket.uncork();
    });
  };
}

function readBody(request: IncomingMessage, then: (body: string) => void): void {
  let body: Buffer = NOTHING;
  request.on('data', (chunk: Buffer) => {
    body = body.length === 0 ? chunk : Buffer.concat([body, chunk]);
  });
  request.on('end', () => then(body.toString()));
}

function reply(response: ServerResponse, status: number, answer: object | string): void {
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function sendPicture(response: ServerResponse, query: string): void {
  const parameters = new URLSearchParams(query);
  const bytes = pictureOf(`${parameters.get('subfolder')}/${parameters.get('filename')}`);
  response.writeHead(200, { 'content-type': 'image/png', 'content-length': bytes.length }).end(bytes);
}

/** GET /models/large/<MiB>: as many bytes, as fast as they are read. */
function sendLarge(response: ServerResponse, path: string): void {
  let left = Number(path.split('/')[3]);
  const bytes = left * MEBIBYTE.length;
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
  const more = (): void => {
    while (left > 0) {
      left -= 1;
      if (!response.write(MEBIBYTE)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}

function listen(port: number): void {
  const fake = new FakeInstance(serviceMs);
  const server = createServer((request, response) => {
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    if (request.method === 'POST') {
      readBody(request, (body) => {
        const { status, answer } = fake.post(path, body);
        reply(response, status, answer);
      });
    } else if (path === '/view') {
      sendPicture(response, query);
    } else if (path.startsWith('/models/large/')) {
      sendLarge(response, path);
    } else {
      const answer = fake.get(path);
      reply(response, answer === undefined ? 404 : 200, answer ?? {});
    }
  });
  new WebSocketServer({ server, path: '/ws' }).on('connection', (socket, request) => {
    const clientId = new URL(request.url ?? '/', 'http://f').searchParams.get('clientId') ?? `anonymous ${port}`;
    const cork = createCork(request.socket);
    const sink: FrameSink = {
      send(text) {
        cork();
        socket.send(text);
      },
    };
    fake.sinks.set(clientId, sink);
    sink.send(
      JSON.stringify({ type: 'status', data: { status: { exec_info: { queue_remaining: 0 } }, sid: clientId } }),
    );
    socket.on('close', () => {
      if (fake.sinks.get(clientId) === sink) fake.sinks.delete(clientId);
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen(port, '127.0.0.1');
}

for (const port of ports) listen(port);
