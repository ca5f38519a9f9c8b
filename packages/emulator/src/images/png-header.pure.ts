// Reads what a PNG's header says about its colours. Called by decode.ts.
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOR_TYPE_AT = 25;
const PALETTE = 3;
const ALPHA_BIT = 4;

/** Grey and RGB files may name one transparent colour. Pillow does not count that as an alpha channel; libvips does. */
export function pngHasOnlyTransparentColor(bytes: Uint8Array): boolean {
  if (SIGNATURE.some((byte, index) => bytes[index] !== byte)) return false;
  const colorType = bytes[COLOR_TYPE_AT] ?? 0;
  return colorType !== PALETTE && (colorType & ALPHA_BIT) === 0;
}
