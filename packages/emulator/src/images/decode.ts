// Decodes a picture file into frames of RGB bytes plus alpha, the way Pillow presents it to ComfyUI: turned upright by
// its EXIF orientation, no colour management, colours under transparent pixels kept. Called by the loading nodes.
import type { Metadata, Sharp } from 'sharp';
import { decodeApng } from './apng.ts';
import { decodeBmp, isBmp } from './bmp.ts';
import type { Frame } from './frame.ts';
import { findGifTransparency, type GifTransparency } from './gif-header.pure.ts';
import { isPng } from './png-chunks.ts';
import { pngHasOnlyTransparentColor } from './png-header.pure.ts';
import { webpSaysOpaque } from './webp-header.pure.ts';

/** Pillow's own: a small file that unpacks to more is taken for a bomb and refused. */
const MAX_PIXELS = 178_956_970;
const OPTIONS = { ignoreIcc: true, failOn: 'none', limitInputPixels: MAX_PIXELS, unlimited: true } as const;
/** Formats whose pages are an animation on one canvas, decoded as one tall picture. */
const ANIMATED = new Set<string>(['gif', 'webp']);

/** Undefined when the bytes are no picture that can be read. */
export async function decodeFrames(bytes: Buffer): Promise<Frame[] | undefined> {
  if (isBmp(bytes)) {
    const frame = decodeBmp(bytes);
    return frame && [frame];
  }
  const sharp = await loadSharp();
  const decodeStill = async (png: Buffer): Promise<Frame> => {
    const [frame] = await decodeFile(sharp, png);
    if (!frame) throw new Error('a still picture has one frame');
    return frame;
  };
  try {
    return (isPng(bytes) ? await decodeApng(bytes, decodeStill) : undefined) ?? (await decodeFile(sharp, bytes));
  } catch {
    // Whatever the decoder's complaint, ComfyUI says only that the file cannot be identified.
    return undefined;
  }
}

// Loaded on first use: the server's main thread knows the nodes too, and starts without the native library.
async function loadSharp() {
  const { default: sharp } = await import('sharp');
  return sharp;
}

type LoadedSharp = Awaited<ReturnType<typeof loadSharp>>;

async function decodeFile(sharp: LoadedSharp, bytes: Buffer): Promise<Frame[]> {
  const frames = await decodePages(sharp, bytes, await sharp(bytes, OPTIONS).metadata());
  return frames.map((frame) => keepAsPillow(bytes, frame));
}

async function decodePages(sharp: LoadedSharp, bytes: Buffer, metadata: Metadata): Promise<Frame[]> {
  const { pages = 1, format } = metadata;
  if (pages > 1 && ANIMATED.has(format)) return await decodeAnimation(sharp, bytes, pages);
  const frames: Frame[] = [];
  for (let page = 0; page < (format === 'tiff' ? pages : 1); page += 1) {
    const picture = sharp(bytes, page === 0 ? OPTIONS : { ...OPTIONS, page }).autoOrient();
    frames.push(await decodePicture(picture, metadata));
  }
  return frames;
}

async function decodePicture(picture: Sharp, { space, channels }: Metadata): Promise<Frame> {
  if (space === 'cmyk')
    return separate(await readRaw(picture.pipelineColourspace('cmyk').toColourspace('cmyk')), cmykColor);
  if (space === 'grey16' && channels === 1) {
    const raw = await readRaw(picture.toColourspace('grey16'), 'ushort');
    const { buffer, byteOffset, length } = raw.data;
    return separate({ ...raw, data: new Uint16Array(buffer, byteOffset, length / 2) }, clippedGray);
  }
  return separate(await readRaw(picture.toColourspace('srgb')), plainColor);
}

async function decodeAnimation(sharp: LoadedSharp, bytes: Buffer, pages: number): Promise<Frame[]> {
  const strip = await readRaw(sharp(bytes, { ...OPTIONS, animated: true }).toColourspace('srgb'));
  const size = strip.data.length / pages;
  const height = strip.height / pages;
  return Array.from({ length: pages }, (_, page) =>
    separate({ ...strip, height, data: strip.data.subarray(page * size, (page + 1) * size) }, plainColor),
  );
}

interface Raw<T extends Uint8Array | Uint16Array> {
  data: T;
  channels: number;
  width: number;
  height: number;
}

async function readRaw(picture: Sharp, depth: 'uchar' | 'ushort' = 'uchar'): Promise<Raw<Buffer>> {
  const { data, info } = await picture.raw({ depth }).toBuffer({ resolveWithObject: true });
  return { data, channels: info.channels, width: info.width, height: info.height };
}

/** One colour sample (0 red, 1 green, 2 blue) of the pixel at `at`. */
type ColorOf = (data: Uint8Array | Uint16Array, at: number, channel: number) => number;

function separate(raw: Raw<Uint8Array | Uint16Array>, colorOf: ColorOf): Frame {
  const { data, channels, width, height } = raw;
  const colors = new Uint8Array(width * height * 3);
  const hasAlpha = colorOf === plainColor && channels === 4;
  const alpha = hasAlpha ? new Uint8Array(width * height) : undefined;
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    const from = pixel * channels;
    for (let channel = 0; channel < 3; channel += 1) colors[pixel * 3 + channel] = colorOf(data, from, channel);
    if (alpha) alpha[pixel] = data[from + 3] as number;
  }
  return { width, height, colors, alpha };
}

const plainColor: ColorOf = (data, at, channel) => data[at + channel] as number;

/** Pillow does not scale 16-bit greys down; it clips them, so that nearly everything is white. */
const clippedGray: ColorOf = (data, at) => Math.min(255, data[at] as number);

const cmykColor: ColorOf = (data, at, channel) => {
  const light = 255 - (data[at + 3] as number);
  const product = (data[at + channel] as number) * light + 128;
  return light - (((product >> 8) + product) >> 8);
};

function keepAsPillow(bytes: Buffer, frame: Frame): Frame {
  if (!frame.alpha) return frame;
  const start = bytes.toString('latin1', 0, 4);
  if (start === 'GIF8') return keepGifColors(frame, frame.alpha, findGifTransparency(bytes));
  const isOpaque = start === 'RIFF' ? webpSaysOpaque(bytes) : pngHasOnlyTransparentColor(bytes);
  return isOpaque ? { ...frame, alpha: undefined } : frame;
}

function keepGifColors(frame: Frame, alpha: Uint8Array, transparency: GifTransparency | undefined): Frame {
  if (!transparency) return { ...frame, alpha: undefined };
  for (const [pixel, opacity] of alpha.entries()) {
    if (opacity === 0) frame.colors.set(transparency.color, pixel * 3);
  }
  return frame;
}
