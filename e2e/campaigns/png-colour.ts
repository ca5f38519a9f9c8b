// Pictures of one colour without an image library: the colour and the graph that a PNG carries, and a small one to send.
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
const RGB = 2;
const RGBA = 6;
const SIDE = 8;

export interface ReadPng {
  /** Of the first pixel, as 0xRRGGBB. */
  readonly colour: number;
  /** The graph that made it, where it says so. */
  readonly prompt: string | undefined;
}

/** Undefined when the bytes are no whole 8-bit colour PNG. */
export function readPng(bytes: Buffer): ReadPng | undefined {
  const { data, kind, isWhole, prompt } = readChunks(bytes);
  if (!isWhole || (kind !== RGB && kind !== RGBA)) return undefined;
  try {
    // Byte 0 is the row's filter; with nothing to the left and nothing above, every filter leaves the first pixel as it is.
    return { colour: inflateSync(Buffer.concat(data)).readUIntBE(1, 3), prompt };
  } catch {
    return undefined; // cut off
  }
}

function readChunks(bytes: Buffer) {
  const found = { data: [] as Buffer[], kind: 0, isWhole: false, prompt: undefined as string | undefined };
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return found;
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR' && body[8] === 8) found.kind = body[9] ?? 0;
    if (type === 'IDAT') found.data.push(body);
    if (type === 'IEND') found.isWhole = true;
    if (type === 'tEXt' && body.toString('latin1', 0, 7) === 'prompt\0') found.prompt = body.toString('latin1', 7);
    at += 12 + length;
  }
  return found;
}

export function colourPng(colour: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIDE, 0);
  header.writeUInt32BE(SIDE, 4);
  header.set([8, RGB, 0, 0, 0], 8);
  const row = Buffer.alloc(1 + 3 * SIDE);
  for (let x = 0; x < SIDE; x += 1) row.writeUIntBE(colour, 1 + 3 * x, 3);
  const rows = Buffer.concat(Array.from({ length: SIDE }, () => row));
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([SIGNATURE, ...chunks]);
}

function chunk(type: string, body: Buffer): Buffer {
  const content = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const framed = Buffer.alloc(content.length + 8);
  framed.writeUInt32BE(body.length, 0);
  content.copy(framed, 4);
  framed.writeUInt32BE(crc32(content), content.length + 4);
  return framed;
}
