// Decodes uncompressed Windows bitmaps (palettes of up to 8 bits, 24 and 32 bits), which the image library in use does not know.
// Called by decode.ts.
import type { Frame } from './frame.ts';

interface Header {
  width: number;
  height: number;
  isTopDown: boolean;
  bits: number;
  pixelsAt: number;
  paletteAt: number;
}

export function isBmp(bytes: Buffer): boolean {
  return bytes.length > 54 && bytes.toString('latin1', 0, 2) === 'BM';
}

/** Undefined when the bitmap is of a kind that is not supported, or cut short. */
export function decodeBmp(bytes: Buffer): Frame | undefined {
  const header = readHeader(bytes);
  if (!header) return undefined;
  const { width, height, bits } = header;
  const stride = Math.ceil((width * bits) / 32) * 4;
  if (width < 1 || height < 1 || header.pixelsAt + stride * height > bytes.length) return undefined;
  const colors = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    const row = header.pixelsAt + (header.isTopDown ? y : height - 1 - y) * stride;
    readRow(bytes, { header, row }, colors.subarray(y * width * 3));
  }
  return { width, height, colors, alpha: undefined };
}

function readRow(bytes: Buffer, { header, row }: { header: Header; row: number }, colors: Uint8Array): void {
  const { width, bits, paletteAt } = header;
  for (let x = 0; x < width; x += 1) {
    const at = bits <= 8 ? paletteAt + paletteIndex(bytes, { row, x, bits }) * 4 : row + (x * bits) / 8;
    for (let channel = 0; channel < 3; channel += 1) colors[x * 3 + channel] = bytes[at + 2 - channel] ?? 0;
  }
}

/** Several pixels share a byte where they take less than one, the leftmost in the highest bits. */
function paletteIndex(bytes: Buffer, { row, x, bits }: { row: number; x: number; bits: number }): number {
  const byte = bytes[row + Math.floor((x * bits) / 8)] ?? 0;
  return (byte >> (8 - bits - ((x * bits) % 8))) & (2 ** bits - 1);
}

function readHeader(bytes: Buffer): Header | undefined {
  const headerBytes = bytes.readUInt32LE(14);
  const bits = bytes.readUInt16LE(28);
  const compression = bytes.readUInt32LE(30);
  if (headerBytes < 40 || compression !== 0 || ![1, 4, 8, 24, 32].includes(bits)) return undefined;
  const height = bytes.readInt32LE(22);
  return {
    width: bytes.readInt32LE(18),
    height: Math.abs(height),
    isTopDown: height < 0,
    bits,
    pixelsAt: bytes.readUInt32LE(10),
    paletteAt: 14 + headerBytes,
  };
}
