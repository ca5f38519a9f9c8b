// Writes 8-bit PNG files with text chunks, which the image library in use cannot write. Called by the saving nodes.

import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { joinPngChunks, type PngChunk } from './png-chunks.ts';

const deflateBytes = promisify(deflate);
/** PNG colour types by number of channels: grey, grey with alpha, RGB, RGBA. */
const COLOR_TYPES = [0, 4, 2, 6];

export interface PngPicture {
  width: number;
  height: number;
  channels: number;
  data: Uint8Array;
}

export interface PngText {
  keyword: string;
  text: string;
}

export async function writePng(picture: PngPicture, texts: PngText[], level: number): Promise<Buffer> {
  const pixels = await deflateBytes(filterRows(picture), { level });
  return joinPngChunks([
    { type: 'IHDR', body: header(picture) },
    ...texts.map(({ keyword, text }) => textChunk(keyword, text)),
    { type: 'IDAT', body: pixels },
    { type: 'IEND', body: Buffer.alloc(0) },
  ]);
}

function header({ width, height, channels }: PngPicture): Buffer {
  const bytes = Buffer.alloc(13);
  bytes.writeUInt32BE(width, 0);
  bytes.writeUInt32BE(height, 4);
  bytes[8] = 8;
  bytes[9] = COLOR_TYPES[channels - 1] ?? 2;
  return bytes;
}

/** Latin-1 where it holds the text, otherwise the international chunk, uncompressed and without language. */
function textChunk(keyword: string, text: string): PngChunk {
  const start = Buffer.from(`${keyword}\0`, 'latin1');
  if (isLatin1(text)) return { type: 'tEXt', body: Buffer.concat([start, Buffer.from(text, 'latin1')]) };
  return { type: 'iTXt', body: Buffer.concat([start, Buffer.alloc(4), Buffer.from(text, 'utf8')]) };
}

function isLatin1(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0xff) return false;
  return true;
}

type Filter = (row: Row, to: Uint8Array) => void;

interface Row {
  data: Uint8Array;
  at: number;
  length: number;
  /** Bytes of one pixel: how far left the neighbour lies. */
  step: number;
  isFirst: boolean;
}

/** Filters 0 (none), 1 (left) and 2 (above): the three that suffice for what flat and natural pictures need here. */
const FILTERS: Filter[] = [
  ({ data, at, length }, to) => to.set(data.subarray(at, at + length)),
  ({ data, at, length, step }, to) => {
    to.set(data.subarray(at, at + step));
    for (let x = step; x < length; x += 1) to[x] = (data[at + x] as number) - (data[at + x - step] as number);
  },
  ({ data, at, length, isFirst }, to) => {
    if (isFirst) to.set(data.subarray(at, at + length));
    else for (let x = 0; x < length; x += 1) to[x] = (data[at + x] as number) - (data[at + x - length] as number);
  },
];

function filterRows({ width, height, channels, data }: PngPicture): Uint8Array {
  const length = width * channels;
  const out = new Uint8Array(height * (length + 1));
  const scratch = FILTERS.map(() => new Uint8Array(length));
  for (let y = 0; y < height; y += 1) {
    const row = { data, at: y * length, length, step: channels, isFirst: y === 0 };
    for (const [index, filter] of FILTERS.entries()) filter(row, scratch[index] as Uint8Array);
    const best = leastRough(scratch);
    out[y * (length + 1)] = best;
    out.set(scratch[best] as Uint8Array, y * (length + 1) + 1);
  }
  return out;
}

// The usual heuristic: the candidate whose bytes, read as signed, are smallest in sum compresses best.
function leastRough(candidates: Uint8Array[]): number {
  let best = 0;
  let bestSum = Number.POSITIVE_INFINITY;
  for (const [index, bytes] of candidates.entries()) {
    let sum = 0;
    for (let x = 0; x < bytes.length; x += 1) {
      const byte = bytes[x] as number;
      sum += byte < 128 ? byte : 256 - byte;
    }
    if (sum < bestSum) {
      best = index;
      bestSum = sum;
    }
  }
  return best;
}
