// Thousands of readers of one stream, as bare sockets that cost this process as little as may be. Used by row 15, for both
// arms alike.
import { connect, type Socket } from 'node:net';

export interface EventCrowd {
  /** Resolves with the milliseconds until each of them has got a text with this in it. */
  hear(marker: string, trigger: () => Promise<unknown>): Promise<number>;
  close(): Promise<void>;
}

interface CrowdInput {
  readonly url: string;
  readonly authorization: string;
  readonly count: number;
}

const AT_ONCE = 100;
const HEAR_WITHIN_MS = 30_000;

export async function openCrowd({ url, authorization, count }: CrowdInput): Promise<EventCrowd> {
  const { hostname, port, pathname, host } = new URL(url);
  const head = `GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\nauthorization: ${authorization}\r\naccept: text/event-stream\r\n\r\n`;
  const sockets: Socket[] = [];
  let onData: (socket: Socket, chunk: Buffer) => void = () => undefined;

  async function open(): Promise<void> {
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.write(head);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('data', (chunk: Buffer) => {
        if (chunk.toString('latin1', 0, 15).startsWith('HTTP/1.1 200')) resolve();
        else reject(new Error(`the stream answered ${chunk.toString('latin1', 0, 300)}`));
      });
    });
    socket.on('data', (chunk: Buffer) => onData(socket, chunk));
  }

  for (let opened = 0; opened < count; opened += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - opened) }, open));
  }
  return {
    async hear(marker, trigger) {
      const heard = new Set<Socket>();
      const startedAt = performance.now();
      const all = new Promise<number>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${heard.size} of ${count} heard it`)), HEAR_WITHIN_MS);
        onData = (socket, chunk) => {
          if (!chunk.includes(marker)) return;
          heard.add(socket);
          if (heard.size < count) return;
          clearTimeout(timer);
          resolve(performance.now() - startedAt);
        };
      });
      await trigger();
      return await all;
    },
    async close() {
      await Promise.all(
        sockets.map(
          (socket) =>
            new Promise<void>((resolve) => {
              socket.once('close', () => resolve()).destroy();
            }),
        ),
      );
    },
  };
}
