// The misbehaviours that hit a connection before any route sees it: refused, hung, or nobody listening for a while.
// Asked by http-server.ts for every request and websocket upgrade but those to /emulator/.
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FaultControl } from '../faults/fault-control.ts';
import type { Faults } from '../faults/faults.ts';
import { sendText } from './exchange.ts';

interface Refused {
  server: Server;
  faults: FaultControl;
}

/** True when the request was dealt with. Waits as long as it has to hang. */
export async function misbehave({ server, faults }: Refused, path: string, response: ServerResponse): Promise<boolean> {
  const refuse = faults.takeOnPath('refuse', path);
  if (refuse) {
    if (refuse.how === 'unavailable') sendText(response, 503, '503: Service Unavailable');
    else refuseConnection(server, refuse, response.socket);
    return true;
  }
  if (faults.current().hang?.where !== 'http') return false;
  const hang = faults.takeOnPath('hang', path);
  if (hang) await Promise.race([faults.cleared(), ...(hang.ms === undefined ? [] : [sleep(hang.ms)])]);
  return false;
}

export function isUpgradeRefused({ server, faults }: Refused, path: string, socket: Duplex): boolean {
  const refuse = faults.takeOnPath('refuse', path);
  if (refuse) refuseConnection(server, refuse, socket);
  return refuse !== undefined;
}

const CLOSED_MS = 1000;

function refuseConnection(
  server: Server,
  { how, ms }: NonNullable<Faults['refuse']>,
  socket: Socket | Duplex | null,
): void {
  if (how === 'closed' && server.listening) closeForAWhile(server, ms ?? CLOSED_MS);
  if (socket && 'resetAndDestroy' in socket) socket.resetAndDestroy();
  else socket?.destroy();
}

/** The port is shut, as while a server restarts; connections that are open stay. */
function closeForAWhile(server: Server, ms: number): void {
  const { address, port } = server.address() as AddressInfo;
  server.close();
  const reopen = setTimeout(() => server.listen(port, address), ms);
  server.once('abandoned', () => clearTimeout(reopen));
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
