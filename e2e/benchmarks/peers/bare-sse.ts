// The peer of row 15: Server-Sent Events as a Node tutorial writes them. Run as a process: bare-sse.ts <port>.
import { createServer, type ServerResponse } from 'node:http';

const readers = new Set<ServerResponse>();

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    request.on('data', (body: Buffer) => {
      const event = `event: progress\ndata: ${body}\n\n`;
      for (const reader of readers) reader.write(event);
    });
    request.on('end', () => response.end());
  } else if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    response.write('event: status\ndata: {"status":"in_progress"}\n\n');
    readers.add(response);
    request.on('close', () => readers.delete(response));
  } else response.end();
});
setInterval(() => {
  for (const reader of readers) reader.write(':\n\n');
}, 15_000);
server.listen(Number(process.argv[2]), '127.0.0.1');
