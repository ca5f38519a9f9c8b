// A large download as a plain program does it: one socket, read into one buffer, the bytes dropped. Used by row 17, whose
// peer is `cp`: a stream of 64 kB chunks would measure the client.
import { connect } from 'node:net';

const BUFFER_BYTES = 512 * 1024;
const HEAD_END = '\r\n\r\n';

export interface Download {
  readonly firstByteMs: number;
  readonly downloadMs: number;
  readonly bytes: number;
}

/** Throws unless the answer is 200 and as long as it said. */
export function downloadPlainly(url: string): Promise<Download> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    let head = '';
    let wanted: number | undefined;
    let bytes = 0;
    let firstByteMs = Number.NaN;

    function take(count: number, buffer: Uint8Array): boolean {
      if (wanted === undefined) {
        head += Buffer.from(buffer.subarray(0, count)).toString('latin1');
        const end = head.indexOf(HEAD_END);
        if (end < 0) return true;
        wanted = readLength(head.slice(0, end));
        bytes = head.length - end - HEAD_END.length;
      } else bytes += count;
      if (bytes > 0 && Number.isNaN(firstByteMs)) firstByteMs = performance.now() - startedAt;
      if (bytes < wanted) return true;
      resolve({ firstByteMs, downloadMs: performance.now() - startedAt, bytes });
      socket.destroy();
      return false;
    }

    const callback = (count: number, buffer: Uint8Array): boolean => {
      try {
        return take(count, buffer);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
        return false;
      }
    };
    const socket = connect({
      host: hostname,
      port: Number(port),
      onread: { buffer: Buffer.allocUnsafeSlow(BUFFER_BYTES), callback },
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`the download ended after ${bytes} of ${wanted} bytes`)));
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  });
}

function readLength(head: string): number {
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) throw new Error(`not a whole file: ${head}`);
  return Number(length);
}
