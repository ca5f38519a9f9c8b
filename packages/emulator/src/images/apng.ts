// The frames of an animated PNG, each drawn over what the frames before it left, as Pillow draws them. The pixels of a
// frame are decoded as a PNG of their own. Called by decode.ts.
import type { Frame } from './frame.ts';
import { joinPngChunks, type PngChunk, readPngChunks } from './png-chunks.ts';

interface Step {
  left: number;
  top: number;
  width: number;
  height: number;
  /** After showing the frame: 0 leave it, 1 clear its area, 2 bring back what was there. */
  disposal: number;
  isBlended: boolean;
  data: Buffer[];
}

/** Decodes one still PNG. */
export type DecodeStill = (png: Buffer) => Promise<Frame>;

/** Undefined for a PNG that is not animated. */
export async function decodeApng(bytes: Buffer, decodeStill: DecodeStill): Promise<Frame[] | undefined> {
  const chunks = readPngChunks(bytes);
  const header = chunks.find(({ type }) => type === 'IHDR')?.body;
  if (!header || !chunks.some(({ type }) => type === 'acTL')) return undefined;
  const size = { width: header.readUInt32BE(0), height: header.readUInt32BE(4) };
  const shared = chunks.filter(({ type }) => type === 'PLTE' || type === 'tRNS');
  const frames: Frame[] = [];
  let canvas: Frame | undefined;
  for (const step of listSteps(chunks, size)) {
    const drawn = await decodeStill(stillPng(header, step, shared));
    canvas ??= emptyFrame(size, drawn.alpha !== undefined);
    const before = copyOf(canvas);
    draw(canvas, drawn, step);
    frames.push(copyOf(canvas));
    dispose(canvas, before, step);
  }
  return frames;
}

/** Without a control chunk before it, the default picture is no part of the animation; Pillow shows it first. */
function listSteps(chunks: PngChunk[], size: { width: number; height: number }): Step[] {
  const steps: Step[] = [];
  for (const { type, body } of chunks) {
    if (type === 'fcTL') steps.push(readControl(body));
    if (type === 'IDAT' && steps.length === 0) {
      steps.push({ left: 0, top: 0, ...size, disposal: 0, isBlended: false, data: [] });
    }
    const step = steps.at(-1);
    if (type === 'IDAT') step?.data.push(body);
    if (type === 'fdAT') step?.data.push(body.subarray(4));
  }
  const [first] = steps;
  if (first) {
    // Nothing lies under the first picture: it cannot be blended, and bringing back what was there is clearing.
    first.isBlended = false;
    first.disposal = Math.min(first.disposal, 1);
  }
  return steps;
}

function readControl(body: Buffer): Step {
  return {
    width: body.readUInt32BE(4),
    height: body.readUInt32BE(8),
    left: body.readUInt32BE(12),
    top: body.readUInt32BE(16),
    disposal: body.readUInt8(24),
    isBlended: body.readUInt8(25) === 1,
    data: [],
  };
}

function stillPng(header: Buffer, step: Step, shared: PngChunk[]): Buffer {
  const own = Buffer.from(header);
  own.writeUInt32BE(step.width, 0);
  own.writeUInt32BE(step.height, 4);
  const pixels = step.data.map((body) => ({ type: 'IDAT', body }));
  return joinPngChunks([{ type: 'IHDR', body: own }, ...shared, ...pixels, { type: 'IEND', body: Buffer.alloc(0) }]);
}

function emptyFrame({ width, height }: { width: number; height: number }, hasAlpha: boolean): Frame {
  const pixels = width * height;
  return { width, height, colors: new Uint8Array(pixels * 3), alpha: hasAlpha ? new Uint8Array(pixels) : undefined };
}

function copyOf(frame: Frame): Frame {
  return { ...frame, colors: frame.colors.slice(), alpha: frame.alpha?.slice() };
}

function draw(canvas: Frame, drawn: Frame, step: Step): void {
  for (const [pixel, from] of pixelsOf(canvas, step)) {
    const share = step.isBlended && drawn.alpha ? (drawn.alpha[from] as number) : 255;
    for (let channel = 0; channel < 3; channel += 1) {
      const at = pixel * 3 + channel;
      canvas.colors[at] = mix(canvas.colors[at] as number, drawn.colors[from * 3 + channel] as number, share);
    }
    if (canvas.alpha) canvas.alpha[pixel] = mix(canvas.alpha[pixel] as number, drawn.alpha?.[from] ?? 255, share);
  }
}

function mix(below: number, above: number, share: number): number {
  const sum = above * share + below * (255 - share) + 128;
  return ((sum >> 8) + sum) >> 8;
}

// A blended picture stays where it should give way to what was there before: Pillow keeps only the blended canvas.
function dispose(canvas: Frame, before: Frame, step: Step): void {
  if (step.disposal === 0 || (step.disposal === 2 && step.isBlended)) return;
  const source = step.disposal === 2 ? before : emptyFrame(canvas, canvas.alpha !== undefined);
  for (const [pixel] of pixelsOf(canvas, step)) {
    canvas.colors.set(source.colors.subarray(pixel * 3, pixel * 3 + 3), pixel * 3);
    if (canvas.alpha) canvas.alpha[pixel] = source.alpha?.[pixel] ?? 0;
  }
}

/** The step's area: each pixel's place on the canvas and in the step's own picture. */
function* pixelsOf(canvas: Frame, step: Step): Generator<[number, number]> {
  const height = Math.min(step.height, canvas.height - step.top);
  const width = Math.min(step.width, canvas.width - step.left);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) yield [(y + step.top) * canvas.width + x + step.left, y * step.width + x];
  }
}
