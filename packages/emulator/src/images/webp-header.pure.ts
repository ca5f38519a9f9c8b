// Reads from an extended WebP whether it says that it has transparency. Called by decode.ts.
const CHUNK_AT = 12;
const FLAGS_AT = 20;
const ALPHA_FLAG = 0x10;

/** True when the header rules transparency out; frames that do not fill the canvas make libvips add some all the same. */
export function webpSaysOpaque(bytes: Uint8Array): boolean {
  const isExtended = ['V', 'P', '8', 'X'].every((char, index) => bytes[CHUNK_AT + index] === char.charCodeAt(0));
  return isExtended && ((bytes[FLAGS_AT] ?? 0) & ALPHA_FLAG) === 0;
}
