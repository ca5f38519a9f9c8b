// Decodes a picture file into frames of RGB bytes plus alpha, the way Pillow presents it to ComfyUI: turned upright by
// its EXIF orientation, no colour management, colours under transparent pixels kept. Called by the loading nodes.
import sharp from 'sharp';
import { pngHasOnlyTransparentColor } from './png-header.pure.ts';

export interface Frame {
  width: number;
  height: number;
  /** RGB, three bytes a pixel. */
  colors: Uint8Array;
  alpha: Uint8Array | undefined;
}

const OPTIONS = { ignoreIcc: true, failOn: 'none', limitInputPixels: false, unlimited: true } as const;
/** Formats whose pages are an animation on one canvas, decoded as one tall picture. */
const ANIMATED = new Set(['gif', 'webp']);

/** Undefined when the bytes are no picture that can be read. */
export async function decodeFrames(bytes: Buffer): Promise<Frame[] | undefined> {
  try {
    const { pages = 1, format } = await sharp(bytes, OPTIONS).metadata();
    if (pages === 1 || (!ANIMATED.has(format) && format !== 'tiff')) return [await decodePage(bytes, 0)];
    if (ANIMATED.has(format)) return await decodeAnimation(bytes, pages);
    const frames: Frame[] = [];
    for (let page = 0; page < pages; page += 1) frames.push(await decodePage(bytes, page));
    return frames;
  } catch {
    // Whatever the decoder's complaint, ComfyUI says only that the file cannot be identified.
    return undefined;
  }
}

async function decodePage(bytes: Buffer, page: number): Promise<Frame> {
  const upright = sharp(bytes, page === 0 ? OPTIONS : { ...OPTIONS, page }).autoOrient();
  const { data, info } = await upright.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const frame = separate({ data, channels: info.channels, width: info.width, height: info.height });
  return pngHasOnlyTransparentColor(bytes) ? { ...frame, alpha: undefined } : frame;
}

async function decodeAnimation(bytes: Buffer, pages: number): Promise<Frame[]> {
  const strip = sharp(bytes, { ...OPTIONS, animated: true })
    .toColourspace('srgb')
    .raw();
  const { data, info } = await strip.toBuffer({ resolveWithObject: true });
  const size = data.length / pages;
  return Array.from({ length: pages }, (_, page) =>
    separate({
      data: data.subarray(page * size, (page + 1) * size),
      channels: info.channels,
      width: info.width,
      height: info.pageHeight ?? info.height / pages,
    }),
  );
}

interface Raw {
  data: Uint8Array;
  channels: number;
  width: number;
  height: number;
}

function separate({ data, channels, width, height }: Raw): Frame {
  const pixels = width * height;
  const colors = new Uint8Array(pixels * 3);
  const alpha = channels === 4 || channels === 2 ? new Uint8Array(pixels) : undefined;
  const step = channels >= 3 ? 1 : 0;
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const from = pixel * channels;
    for (let channel = 0; channel < 3; channel += 1)
      colors[pixel * 3 + channel] = data[from + channel * step] as number;
    if (alpha) alpha[pixel] = data[from + channels - 1] as number;
  }
  return { width, height, colors, alpha };
}
