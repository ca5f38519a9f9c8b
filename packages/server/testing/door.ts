// A socket in front of a server's that a test can shut and open: the server goes away and comes back, for one client alone.
// Used by database-door.ts and real-cluster.ts.
import { connect, createServer, type ListenOptions, type NetConnectOpts, type Server, type Socket } from 'node:net';

export interface Door {
  /** Every connection breaks and no new one is taken. */
  shut(): Promise<void>;
  /** Resolves once it listens; the address stays the same. */
  open(): Promise<void>;
}

export function createDoor(outside: ListenOptions, inside: NetConnectOpts): Door {
  const sockets = new Set<Socket>();
  let server: Server | undefined;

  function pass(from: Socket) {
    const to = connect(inside);
    for (const socket of [from, to]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    const forward = (one: Socket, other: Socket) => {
      one.on('data', (bytes) => other.write(bytes));
      one.on('close', () => other.destroy());
    };
    forward(from, to);
    forward(to, from);
  }

  return {
    shut() {
      const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
      server = undefined;
      for (const socket of sockets) socket.destroy();
      return closed;
    },
    async open() {
      const listening = createServer(pass);
      server = listening;
      await new Promise<void>((resolve) => listening.listen(outside, resolve));
    },
  };
}
