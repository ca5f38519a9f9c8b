// A body or an answer of bounded size, whole. Called by the proxied paths that have to look into one.
import type { Readable } from 'node:stream';

/** Undefined when there is more than the limit. */
export async function readStream(stream: Readable, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks, size);
}
