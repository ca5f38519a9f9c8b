// One decoded picture. Made by the decoders, used by the loading nodes.
export interface Frame {
  width: number;
  height: number;
  /** RGB, three bytes a pixel. */
  colors: Uint8Array;
  /** One byte a pixel; undefined where the file has no transparency at all. */
  alpha: Uint8Array | undefined;
}
