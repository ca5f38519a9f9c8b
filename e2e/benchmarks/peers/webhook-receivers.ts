// Receivers of row 16, ten ports in one process: each counts its calls and how long after the request's end they came.
// Run as a process: webhook-receivers.ts <port>. GET / gives ports, arrivals and delays since the last POST /reset, which
// may say which port hangs from now on; GET /counts only how many came to each, so that asking costs nothing. POST
// anywhere else is a call of its own port.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const RECEIVERS = 10;

interface Receiver {
  port: number;
  delaysMs: number[];
  arrivedAt: number[];
  lastBody: string;
}

const receivers: Receiver[] = [];
let hanging: number | undefined;

const nowMs = () => performance.timeOrigin + performance.now();

function receive(receiver: Receiver, index: number) {
  return async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (index === hanging) return;
    response.end();
    const at = nowMs();
    receiver.arrivedAt.push(at);
    receiver.lastBody = Buffer.concat(chunks).toString();
    // Six digits of a second's fraction are more than Date.parse wants, and it takes them.
    const finishedAt = /"finished_at":"([^"]+)"/.exec(receiver.lastBody)?.[1];
    receiver.delaysMs.push(finishedAt === undefined ? 0 : at - Date.parse(finishedAt));
  };
}

for (let index = 0; index < RECEIVERS; index += 1) {
  const receiver: Receiver = { port: 0, delaysMs: [], arrivedAt: [], lastBody: '' };
  const server = createServer(receive(receiver, index));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.port = (server.address() as AddressInfo).port;
  receivers.push(receiver);
}

createServer((request, response) => {
  if (request.method === 'POST') {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    hanging = searchParams.has('hanging') ? Number(searchParams.get('hanging')) : undefined;
    for (const receiver of receivers) Object.assign(receiver, { delaysMs: [], arrivedAt: [] });
  }
  request.resume();
  const counts = receivers.map(({ arrivedAt }) => arrivedAt.length);
  response.end(JSON.stringify(request.url === '/counts' ? counts : { receivers }));
}).listen(Number(process.argv[2]), '127.0.0.1');
