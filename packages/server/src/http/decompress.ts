// Undoes the one Content-Encoding that a body may have, off the event loop, and stops at the limit: a bomb costs no more
// than a body of that size. Called by receive-body.ts.
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { ApiError } from '@comfleet/api';

type Undo = (body: Buffer, options: { maxOutputLength: number; chunkSize: number }) => Promise<Buffer>;

const inflateZlib: Undo = promisify(inflate);
const UNDO: ReadonlyMap<string, Undo> = new Map<string, Undo>([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['br', promisify(brotliDecompress)],
  ['deflate', inflateEither],
]);

const CHUNK_BYTES = 256 * 1024;

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

export async function decompress(undo: Undo, body: Buffer, limitBytes: number): Promise<Buffer> {
  try {
    return await undo(body, { maxOutputLength: limitBytes, chunkSize: CHUNK_BYTES });
  } catch (error) {
    throw explain(error, limitBytes);
  }
}

function explain(cause: unknown, limitBytes: number): ApiError {
  if (codeOf(cause) === 'ERR_BUFFER_TOO_LARGE') {
    const message = `The body, decompressed, is larger than this server accepts (${limitBytes} bytes).`;
    return new ApiError(413001, message, { cause });
  }
  const msg = 'The body is not what its Content-Encoding says: it cannot be decompressed.';
  return new ApiError(422001, msg, { detail: [{ loc: ['body'], msg, type: 'invalid_encoding' }], cause });
}

// Many senders mean the bare stream by "deflate", without zlib's head.
async function inflateEither(body: Buffer, options: Parameters<Undo>[1]): Promise<Buffer> {
  try {
    return await inflateZlib(body, options);
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') throw error;
    return await promisify(inflateRaw)(body, options);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
