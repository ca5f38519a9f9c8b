// Reads from a GIF whether its first picture has a transparent colour, and which. Called by decode.ts.

export interface GifTransparency {
  /** What lies under transparent pixels: Pillow keeps the palette's colour, libvips gives black. */
  color: readonly [number, number, number];
}

const HEADER_BYTES = 13;
const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const IMAGE = 0x2c;

/** Undefined when the first picture is opaque; the whole file then counts as opaque. */
export function findGifTransparency(bytes: Uint8Array): GifTransparency | undefined {
  const byte = (at: number): number => bytes[at] ?? 0;
  const globalSize = paletteBytes(byte(10));
  let at = HEADER_BYTES + globalSize;
  let transparent: number | undefined;
  while (byte(at) === EXTENSION) {
    if (byte(at + 1) === GRAPHIC_CONTROL && (byte(at + 3) & 1) === 1) transparent = byte(at + 6);
    at = afterBlocks(bytes, at + 2);
  }
  if (transparent === undefined || byte(at) !== IMAGE) return undefined;
  const localSize = paletteBytes(byte(at + 9));
  const palette = localSize > 0 ? at + 10 : HEADER_BYTES;
  if (isGrayRamp(bytes.subarray(palette, palette + (localSize || globalSize)))) return undefined;
  const entry = palette + transparent * 3;
  return { color: [byte(entry), byte(entry + 1), byte(entry + 2)] };
}

function paletteBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

function afterBlocks(bytes: Uint8Array, start: number): number {
  let at = start;
  while ((bytes[at] ?? 0) !== 0) at += (bytes[at] ?? 0) + 1;
  return at + 1;
}

// A palette of greys in order makes Pillow take the file as plain grey, without transparency.
function isGrayRamp(palette: Uint8Array): boolean {
  return palette.every((value, index) => value === Math.floor(index / 3));
}
