// The peer of row 19: a Node server that pipes every call to another one and back, and does nothing else.
// Run as a process: pipe-proxy.ts <port> <address of the other>.
import { Agent, createServer, request as httpRequest } from 'node:http';

const target = new URL(String(process.argv[3]));
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

createServer((request, response) => {
  const { method, url, headers } = request;
  const upstream = httpRequest({ hostname: target.hostname, port: target.port, method, path: url, headers, agent });
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  upstream.on('error', () => response.destroy());
  request.pipe(upstream);
}).listen(Number(process.argv[2]), '127.0.0.1');
