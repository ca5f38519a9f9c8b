// The colour of a PNG's first pixel, read without an image library: the files that a campaign asks for have one colour.
import { inflateSync } from 'node:zlib';

const SIGNATURE = '89504e470d0a1a0a';
const RGB = 2;
const RGBA = 6;

/** As 0xRRGGBB; undefined when the bytes are no whole 8-bit colour PNG. */
export function pngColour(bytes: Buffer): number | undefined {
  if (bytes.subarray(0, 8).toString('hex') !== SIGNATURE) return undefined;
  const data: Buffer[] = [];
  let isWhole = false;
  let kind = 0;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR' && body[8] === 8) kind = body[9] ?? 0;
    if (type === 'IDAT') data.push(body);
    if (type === 'IEND') isWhole = true;
    at += 12 + length;
  }
  if (!isWhole || (kind !== RGB && kind !== RGBA)) return undefined;
  try {
    // Byte 0 is the row's filter; with nothing to the left and nothing above, every filter leaves the first pixel as it is.
    return inflateSync(Buffer.concat(data)).readUIntBE(1, 3);
  } catch {
    return undefined; // cut off
  }
}
