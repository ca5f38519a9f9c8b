// A socket in front of PostgreSQL's that a test can shut and open: the database goes away and comes back, for the service
// alone. Used by database-down.test.ts.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { ConnectionParts } from '../src/db/connection.ts';

export interface DatabaseDoor {
  /** Where the service connects instead. */
  through(connection: ConnectionParts): ConnectionParts;
  /** Every connection breaks and no new one is taken. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

/** Called at the top of a test file. */
export function useDatabaseDoor(): DatabaseDoor {
  const folder = mkdtempSync(join(tmpdir(), 'comfleet-door-'));
  const sockets = new Set<Socket>();
  let target = '';
  let path = '';
  let server: Server | undefined;

  function pass(outside: Socket) {
    const inside = connect(target);
    for (const socket of [outside, inside]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    const forward = (from: Socket, to: Socket) => {
      from.on('data', (bytes) => to.write(bytes));
      from.on('close', () => to.destroy());
    };
    forward(outside, inside);
    forward(inside, outside);
  }

  function shut(): Promise<void> {
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    server = undefined;
    for (const socket of sockets) socket.destroy();
    return closed;
  }

  async function open(): Promise<void> {
    server = createServer(pass);
    const listening = server;
    await new Promise<void>((resolve) => listening.listen(path, resolve));
  }

  afterAll(async () => {
    await shut();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    through(connection) {
      target = join(connection.host, `.s.PGSQL.${connection.port}`);
      path = join(folder, `.s.PGSQL.${connection.port}`);
      server = createServer(pass).listen(path);
      return { ...connection, host: folder };
    },
    shut,
    open,
  };
}
