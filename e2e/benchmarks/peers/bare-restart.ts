// The peer of row 22: starts PostgreSQL on a cluster that was killed, then the naive endpoint on it. Run bundled, as a
// process: bare-restart.mjs <port> <socket folder> <user> <database> <PostgreSQL's command as JSON>.
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

interface PostgresCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
}

const PAUSE_MS = 5;
const [host = '', user = '', database = '', commandText = ''] = process.argv.slice(3);
const command: PostgresCommand = JSON.parse(commandText);

function startPostgres(): void {
  const { program, args, cwd, uid, gid } = command;
  const child = spawn(program, args, { cwd, uid, gid, detached: true, stdio: 'ignore' });
  // What the kill left may hold its shared memory for a moment.
  child.once('exit', () => setTimeout(startPostgres, PAUSE_MS));
}

async function canConnect(): Promise<boolean> {
  const client = new pg.Client({ host, user, database, port: 5432 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

startPostgres();
while (!(await canConnect())) await sleep(PAUSE_MS);
// It reads the same arguments.
await import('./naive-insert.ts');
