// Reads the photo that the demo sends, and says clearly when it cannot be one. The demo command calls it first.
import { readFile, stat } from 'node:fs/promises';

// One data URI may carry 32 MiB (a limit of the API); base64 makes four bytes of three.
const MAX_PHOTO_BYTES = 24 * 1024 * 1024;

export type Photo = { kind: 'ok'; dataUri: string; mime: string; sizeBytes: number } | { kind: 'bad'; message: string };

const SIGNATURES: readonly [mime: string, at: number, bytes: string][] = [
  ['image/jpeg', 0, '\xff\xd8\xff'],
  ['image/png', 0, '\x89PNG\r\n\x1a\n'],
  ['image/gif', 0, 'GIF8'],
  ['image/webp', 8, 'WEBP'],
];

export async function readPhoto(path: string): Promise<Photo> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (info instanceof Error) {
    return bad(info.code === 'ENOENT' ? `there is no file ${path}` : `cannot read ${path}: ${info.message}`);
  }
  if (!info.isFile()) return bad(`${path} is not a file`);
  if (info.size > MAX_PHOTO_BYTES) return bad(`${path} is ${mib(info.size)}; a photo in a data URI may have 24 MiB`);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => error);
  if (bytes instanceof Error) return bad(`cannot read ${path}: ${bytes.message}`);
  const mime = sniff(bytes);
  if (!mime) return bad(`${path} is no picture the demo can send (JPEG, PNG, WebP or GIF)`);
  return { kind: 'ok', mime, sizeBytes: bytes.length, dataUri: `data:${mime};base64,${bytes.toString('base64')}` };
}

function sniff(bytes: Buffer): string | undefined {
  const head = bytes.subarray(0, 16).toString('latin1');
  return SIGNATURES.find(([, at, signature]) => head.startsWith(signature, at))?.[0];
}

function mib(sizeBytes: number): string {
  return `${(sizeBytes / 1024 / 1024).toFixed(1)} MiB`;
}

function bad(message: string): Photo {
  return { kind: 'bad', message };
}
