// Undoes the one Content-Encoding that a body may have, off the event loop, and stops at the limit: a bomb costs no more
// than a body of that size. Called by receive-body.ts.
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { ApiError } from '@comfleet/api';
import { concatInSteps } from './turns.ts';

/** What a body may grow to whose size is not known before. */
export interface Growth {
  readonly limitBytes: number;
  readonly largeBytes: number;
  /** Resolves when there is room for a large one. May be asked again. */
  readonly onLarge: () => Promise<void>;
}

type Undo = (body: Buffer, growth: Growth) => Promise<Buffer>;

/** What a hop to zlib's thread brings. */
const OPTIONS = { chunkSize: 64 * 1024 };

const UNDO: ReadonlyMap<string, Undo> = new Map<string, Undo>([
  ['gzip', (body, growth) => pass(body, createGunzip(OPTIONS), growth)],
  ['x-gzip', (body, growth) => pass(body, createGunzip(OPTIONS), growth)],
  ['br', (body, growth) => pass(body, createBrotliDecompress(OPTIONS), growth)],
  ['deflate', (body, growth) => pass(body, isZlib(body) ? createInflate(OPTIONS) : createInflateRaw(OPTIONS), growth)],
]);

/** What to undo a Content-Encoding with; undefined when there is nothing to do. Throws 422001 for one that is not taken. */
export function chooseDecoder(header: string | undefined): Undo | undefined {
  if (header === undefined) return undefined;
  const encoding = header.trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return undefined;
  const undo = UNDO.get(encoding);
  if (undo) return undo;
  const msg = `The Content-Encoding "${encoding.slice(0, 60)}" is not taken: use one of gzip, br, deflate, once, or none.`;
  const detail = [
    { loc: ['header', 'content-encoding'], msg, type: 'unsupported_encoding', input: encoding.slice(0, 60) },
  ];
  throw new ApiError(422001, msg, { detail, headers: { 'accept-encoding': 'gzip, br, deflate' } });
}

export async function decompress(undo: Undo, body: Buffer, growth: Growth): Promise<Buffer> {
  try {
    return await undo(body, growth);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw notDecodable(error);
  }
}

function notDecodable(cause: unknown): ApiError {
  const msg = 'The body is not what its Content-Encoding says: it cannot be decompressed.';
  return new ApiError(422001, msg, { detail: [{ loc: ['body'], msg, type: 'invalid_encoding' }], cause });
}

async function pass(body: Buffer, decoder: Transform, growth: Growth): Promise<Buffer> {
  const { limitBytes } = growth;
  decoder.end(body);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of decoder) {
    size += (chunk as Buffer).length;
    if (size > limitBytes) {
      throw new ApiError(413001, `The body, decompressed, is larger than this server accepts (${limitBytes} bytes).`);
    }
    if (size > growth.largeBytes) await growth.onLarge();
    chunks.push(chunk as Buffer);
  }
  return await concatInSteps(chunks, size);
}

/** Many senders mean the bare stream by "deflate", without zlib's head. */
function isZlib(body: Buffer): boolean {
  return body.length >= 2 && ((body[0] ?? 0) & 0x0f) === 8 && (((body[0] ?? 0) << 8) | (body[1] ?? 0)) % 31 === 0;
}
