// Makes another Node process collect its garbage, so that its resident memory says what it really holds. The process is
// started with inspectEnv(port); SIGUSR1 then opens its inspector. Used by row 15.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { waitUntil } from './processes.ts';

export const inspectEnv = (port: number) => ({ NODE_OPTIONS: `--inspect-port=127.0.0.1:${port}` });

export async function collectGarbage({ pid, port }: { pid: number; port: number }): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  let target = '';
  const isOpen = async () => {
    const reply = await fetch(`http://127.0.0.1:${port}/json/list`);
    const [first] = (await reply.json()) as { webSocketDebuggerUrl: string }[];
    target = first?.webSocketDebuggerUrl ?? '';
    return target !== '';
  };
  await waitUntil(isOpen, { what: 'the inspector', withinMs: 10_000 });
  const socket = new WebSocket(target);
  await once(socket, 'open');
  for (const id of [1, 2, 3]) {
    const answered = once(socket, 'message');
    socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
    await answered;
    // Pages are given back a moment later.
    await sleep(300);
  }
  socket.close();
  await once(socket, 'close');
}
