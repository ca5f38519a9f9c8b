// A TCP door in front of an instance that can stand still, as the instance itself would under SIGSTOP: connections are taken
// and nothing comes back; what was sent meanwhile arrives afterwards, even when whoever sent it has hung up.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface FrozenDoor {
  readonly url: string;
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function openFrozenDoor(port: number): Promise<FrozenDoor> {
  const sockets = new Set<Socket>();
  let held: (() => void)[] | undefined;
  const deliver = (act: () => void) => (held === undefined ? act() : void held.push(act));

  function forward(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on('error', () => undefined); // its close follows
    from.on('data', (bytes) => deliver(() => to.writable && to.write(bytes)));
    from.on('close', () => {
      sockets.delete(from);
      deliver(() => to.end());
    });
  }

  const server = createServer((outside) => {
    const inside = connect(port, '127.0.0.1');
    forward(outside, inside);
    forward(inside, outside);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    freeze() {
      held ??= [];
    },
    thaw() {
      const acts = held ?? [];
      held = undefined;
      for (const act of acts) act();
    },
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
