// The pollers of row 8: so many clients, each on a connection of its own, that ask for a status once a second. No peer, but
// a process of its own: status-pollers.ts <port>. POST / with targets starts them, DELETE / stops them and says how it went.
import { Agent, createServer, request } from 'node:http';

interface Orders {
  readonly url: string;
  readonly clients: number;
  readonly targets: { readonly path: string; readonly authorization: string }[];
}

/** One connection a client, kept from round to round. */
const agents: Agent[] = [];
let timers: NodeJS.Timeout[] = [];
let tally = { polls: 0, wrong: 0, worstMs: 0 };

function poll(orders: Orders, agent: Agent): void {
  const target = orders.targets[Math.floor(Math.random() * orders.targets.length)];
  if (target === undefined) return;
  const startedAt = performance.now();
  const { path, authorization } = target;
  const call = request(`${orders.url}${path}`, { agent, headers: { authorization } }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    response.on('end', () => {
      tally.polls += 1;
      tally.worstMs = Math.max(tally.worstMs, performance.now() - startedAt);
      if (response.statusCode !== 200 || !text.includes('"status":"')) tally.wrong += 1;
    });
  });
  call.on('error', () => {
    tally.wrong += 1;
  });
  call.end();
}

function start(orders: Orders): void {
  tally = { polls: 0, wrong: 0, worstMs: 0 };
  for (let client = 0; client < orders.clients; client += 1) {
    const agent = agents[client] ?? new Agent({ keepAlive: true, maxSockets: 1 });
    agents[client] = agent;
    // Each at its own moment of the second.
    const first = setTimeout(
      () => {
        poll(orders, agent);
        timers.push(setInterval(() => poll(orders, agent), 1_000));
      },
      (1_000 * client) / orders.clients,
    );
    timers.push(first);
  }
}

createServer((call, response) => {
  const chunks: Buffer[] = [];
  call.on('data', (chunk: Buffer) => chunks.push(chunk));
  call.on('end', () => {
    if (call.method === 'POST') start(JSON.parse(Buffer.concat(chunks).toString()));
    if (call.method === 'DELETE') {
      for (const timer of timers) clearInterval(timer);
      timers = [];
    }
    response.end(JSON.stringify(tally));
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
