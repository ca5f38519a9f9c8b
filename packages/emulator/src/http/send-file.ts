// A file as aiohttp's FileResponse sends it: single ranges, ETag and Last-Modified, and the two misbehaviours that a
// download can show (slow, cut short). Called by view-routes.ts.
import { createReadStream, type Stats } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Faults } from '../faults/faults.ts';
import type { Exchange } from './exchange.ts';

export interface FileToSend {
  file: string;
  stats: Stats;
  headers: Record<string, string>;
  fault: Faults['view'] | undefined;
}

export async function sendFile(
  { request, response }: Exchange,
  { file, stats, headers, fault }: FileToSend,
): Promise<void> {
  const etag = `"${Math.trunc(stats.mtimeMs * 1e6).toString(16)}-${stats.size.toString(16)}"`;
  const shared = { ...headers, ETag: etag, 'Last-Modified': stats.mtime.toUTCString(), 'Accept-Ranges': 'bytes' };
  if (isUnchanged(request.headers, etag, stats)) {
    response.writeHead(304, { ...headers, ETag: etag, 'Last-Modified': shared['Last-Modified'] });
    response.end();
    return;
  }
  const range = isRangeWanted(request.headers, etag, stats) ? readRange(request.headers.range, stats.size) : undefined;
  if (range === 'unsatisfiable') {
    response.writeHead(416, { ...headers, 'Content-Range': `bytes */${stats.size}`, 'Transfer-Encoding': 'chunked' });
    response.end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: stats.size - 1 };
  const contentRange = range ? { 'Content-Range': `bytes ${start}-${end}/${stats.size}` } : {};
  response.writeHead(range ? 206 : 200, { ...shared, ...contentRange, 'Content-Length': end - start + 1 });
  if (request.method === 'HEAD' || stats.size === 0) {
    response.end();
    return;
  }
  await sendBytes(
    response,
    fault ? throttled(createReadStream(file, { start, end }), fault) : createReadStream(file, { start, end }),
  );
}

async function sendBytes(response: Exchange['response'], source: Readable): Promise<void> {
  try {
    await pipeline(source, response);
  } catch {
    response.destroy(); // the reader went away, or the fault cut the download: either way the connection is over
  }
}

function isUnchanged(headers: Exchange['request']['headers'], etag: string, stats: Stats): boolean {
  const given = headers['if-none-match'];
  if (given !== undefined) return given.split(',').some((tag) => tag.trim() === etag || tag.trim() === '*');
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return Number.isFinite(since) && Math.trunc(stats.mtimeMs / 1000) * 1000 <= since;
}

function isRangeWanted(headers: Exchange['request']['headers'], etag: string, stats: Stats): boolean {
  const condition = headers['if-range']?.toString();
  if (condition === undefined || condition === etag) return true;
  const date = Date.parse(condition);
  return Number.isFinite(date) && Math.trunc(stats.mtimeMs / 1000) * 1000 <= date;
}

type Range = { start: number; end: number } | 'unsatisfiable' | undefined;

function readRange(header: string | undefined, size: number): Range {
  if (header === undefined) return undefined;
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  if (!match || (match[1] === '' && match[2] === '')) return 'unsatisfiable';
  const [, first = '', last = ''] = match;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start > end || start >= size ? 'unsatisfiable' : { start, end };
}

const TICK_MS = 20;

/** Ends with an error, which breaks the connection, once the fault's byte count is out. */
function throttled(source: Readable, { bytesPerSecond, cutAfterBytes }: NonNullable<Faults['view']>): Readable {
  const stepBytes =
    bytesPerSecond === undefined ? Infinity : Math.max(1, Math.floor((bytesPerSecond * TICK_MS) / 1000));
  async function* pieces(): AsyncGenerator<Buffer> {
    let leftBytes = cutAfterBytes ?? Infinity;
    for await (const chunk of source as AsyncIterable<Buffer>) {
      for (const piece of split(chunk, stepBytes)) {
        yield piece.subarray(0, Math.min(piece.length, leftBytes));
        leftBytes -= piece.length;
        if (leftBytes <= 0) throw new Error('cut by the view fault');
        if (bytesPerSecond !== undefined) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
    }
  }
  return Readable.from(pieces(), { objectMode: false });
}

function* split(chunk: Buffer, stepBytes: number): Generator<Buffer> {
  for (let at = 0; at < chunk.length; at += stepBytes) yield chunk.subarray(at, Math.min(chunk.length, at + stepBytes));
}
