// A port of this machine that nobody listens at now. Called by process.ts.
import { once } from 'node:events';
import { createServer } from 'node:net';

const TRIES = 20;

export async function findFreePort(isUsable: (port: number) => boolean): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (address !== null && typeof address === 'object' && isUsable(address.port)) return address.port;
  }
  throw new Error('no free port was found on 127.0.0.1');
}
