// The peer of row 16: a loop that posts bodies to a receiver with undici over kept connections, unsigned and unrecorded.
// Run as a process: bare-poster.ts <port>. POST /?to=<url>&count=N&workers=W posts the given body N times and says how
// many a second.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { Pool } from 'undici';

async function postAll(given: { to: string; count: number; workers: number; body: string }): Promise<number> {
  const pool = new Pool(new URL(given.to).origin, { connections: given.workers, pipelining: 1 });
  const headers = { 'content-type': 'application/json' };
  let left = given.count;
  const startedAt = performance.now();
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const reply = await pool.request({ method: 'POST', path: '/bare', headers, body: given.body });
      await reply.body.dump();
    }
  };
  await Promise.all(Array.from({ length: given.workers }, worker));
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.close();
  return given.count / seconds;
}

createServer(async (request, response) => {
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const to = searchParams.get('to');
  if (to === null) return response.end('ready');
  const count = Number(searchParams.get('count'));
  const workers = Number(searchParams.get('workers'));
  const perSecond = await postAll({ to, count, workers, body: await text(request) });
  return response.end(JSON.stringify({ perSecond }));
}).listen(Number(process.argv[2]), '127.0.0.1');
