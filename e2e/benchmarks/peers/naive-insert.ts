// The peer of row 7: a plain Node endpoint that parses a body and inserts one durable row with a named statement.
// Run as a process: naive-insert.ts <port> <socket folder> <user> <database>.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import pg from 'pg';

const CONNECTIONS = 16;

const [port, host = '', user = '', database = ''] = process.argv.slice(2);
const pool = new pg.Pool({ host, user, database, port: 5432, max: CONNECTIONS });
await pool.query(
  'create table if not exists naive (id uuid primary key, body text not null, created_at timestamptz default now())',
);

async function insert(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
  const id = randomUUID();
  const text = 'insert into naive (id, body) values ($1, $2)';
  await pool.query({ name: 'insert', text, values: [id, JSON.stringify(body)] });
  return JSON.stringify({ request_id: id });
}

createServer((request, response) => {
  insert(request).then(
    (text) => response.writeHead(200, { 'content-type': 'application/json' }).end(text),
    (error) => response.writeHead(500).end(String(error)),
  );
}).listen(Number(port), '127.0.0.1');
