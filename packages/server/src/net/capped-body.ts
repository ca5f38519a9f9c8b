// A reply's bytes under three caps: on the wire, after decompression, and one encoding at most. For safe-fetch.ts.
import { pipeline, Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { FetchFailure, toFetchFailure } from './fetch-failure.ts';
import { describeUrl } from './target.ts';

const DECODERS: Record<string, () => Transform> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

function headerText(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(',') : (value ?? '');
}

function tooLarge(url: URL, maxBytes: number): FetchFailure {
  return new FetchFailure(`${describeUrl(url)} is larger than ${maxBytes} bytes`, { reason: 'too_large' });
}

function cap(url: URL, maxBytes: number): Transform {
  let seenBytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seenBytes += chunk.length;
      if (seenBytes > maxBytes) done(tooLarge(url, maxBytes));
      else done(null, chunk);
    },
  });
}

// Servers may compress although asked not to: one layer is undone, a stack of them is a bomb's wrapping.
function decoderFor(reply: Dispatcher.ResponseData, url: URL): Transform | undefined {
  const names = headerText(reply.headers['content-encoding'])
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  const [name] = names;
  if (name === undefined) return undefined;
  const make = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
  if (make === undefined || names.length > 1) {
    throw new FetchFailure(`${describeUrl(url)} answers in an encoding that is not read`, { reason: 'encoding' });
  }
  return make();
}

async function* translated(source: Readable, url: URL): AsyncGenerator<Buffer> {
  try {
    yield* source;
  } catch (error) {
    throw toFetchFailure(error, url);
  }
}

// The stream fails with a FetchFailure, whatever broke.
export function cappedBody(reply: Dispatcher.ResponseData, url: URL, maxBytes: number): Readable {
  const announcedBytes = Number(headerText(reply.headers['content-length']) || 0);
  if (announcedBytes > maxBytes) throw tooLarge(url, maxBytes);
  const decoder = decoderFor(reply, url);
  const stages = decoder ? [cap(url, maxBytes), decoder, cap(url, maxBytes)] : [cap(url, maxBytes)];
  // pipeline closes every stage when one fails; the reader learns of it below.
  const last = pipeline([reply.body, ...stages], () => {}) as unknown as Readable;
  const body = Readable.from(translated(last, url), { objectMode: false });
  return body.once('close', () => last.destroy());
}
