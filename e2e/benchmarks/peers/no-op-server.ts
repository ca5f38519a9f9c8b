// The peer of row 9: a Node endpoint that does nothing but answer a constant of a status's size.
// Run as a process: no-op-server.ts <port>.
import { createServer } from 'node:http';

const BODY = JSON.stringify({
  request_id: '0'.repeat(36),
  status: 'completed',
  status_url: 'u'.repeat(130),
  result_url: 'u'.repeat(130),
});

createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length }).end(BODY);
}).listen(Number(process.argv[2]), '127.0.0.1');
