// Scaling by two (bilinear) or four (bicubic) neighbours on each axis, never more when shrinking (no antialias).
// Called by scale.ts and by compositing. Sums keep the order of torch's CPU kernels, whose multiply-adds round once:
// saving cuts fractions off, so the last bit of a float can decide a whole byte value.
import type { ImageTensor } from '../nodes/node.ts';
import { newImage, sample } from './tensor.ts';

/** For each output position: where its samples lie and how much each weighs; `count` taps apiece. */
interface Taps {
  count: number;
  indexes: Int32Array;
  weights: Float32Array;
}

const f = Math.fround;
const CUBIC_SHARPNESS = -0.75;
/** Up to this sum of output sides (and for more than three channels) torch weighs all four neighbours at once. */
const SMALL_OUTPUT = 128;

export function scaleBilinear(image: ImageTensor, width: number, height: number): ImageTensor {
  const across = linearTaps(image.width, width);
  const down = linearTaps(image.height, height);
  if (width + height <= SMALL_OUTPUT || image.channels > 3) return weighSquares(image, across, down);
  return weighAxes(image, across, down);
}

export function scaleBicubic(image: ImageTensor, width: number, height: number): ImageTensor {
  return weighAxes(image, cubicTaps(image.width, width), cubicTaps(image.height, height));
}

function newTaps(length: number, count: number): Taps {
  return { count, indexes: new Int32Array(length * count), weights: new Float32Array(length * count) };
}

function sourcePosition(index: number, from: number, to: number): number {
  return f(f(from / to) * (index + 0.5) - 0.5);
}

function linearTaps(from: number, to: number): Taps {
  const taps = newTaps(to, 2);
  for (let index = 0; index < to; index += 1) {
    const source = Math.max(0, sourcePosition(index, from, to));
    const left = Math.min(Math.floor(source), from - 1);
    const share = Math.min(f(source - left), 1);
    taps.indexes.set([left, Math.min(left + 1, from - 1)], index * 2);
    taps.weights.set([1 - share, share], index * 2);
  }
  return taps;
}

function cubicTaps(from: number, to: number): Taps {
  const taps = newTaps(to, 4);
  for (let index = 0; index < to; index += 1) {
    const source = sourcePosition(index, from, to);
    const left = Math.floor(source);
    const share = f(source - left);
    for (let tap = 0; tap < 4; tap += 1) {
      taps.indexes[index * 4 + tap] = Math.min(Math.max(left + tap - 1, 0), from - 1);
      taps.weights[index * 4 + tap] = cubicWeight(Math.abs(share - (tap - 1)));
    }
  }
  return taps;
}

function cubicWeight(distance: number): number {
  const a = CUBIC_SHARPNESS;
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
}

// Rows first into a strip as wide as the output, then columns.
function weighAxes(image: ImageTensor, across: Taps, down: Taps): ImageTensor {
  const width = across.indexes.length / across.count;
  const height = down.indexes.length / down.count;
  const { batch, channels } = image;
  const strip = newImage({ batch, height: image.height, width, channels });
  for (let row = 0; row < batch * image.height; row += 1) weighRow({ image, strip, row }, across);
  const out = newImage({ batch, height, width, channels });
  for (let frame = 0; frame < batch; frame += 1) {
    for (let row = 0; row < height; row += 1) addRows({ strip, out, frame, row }, down);
  }
  return out;
}

// The second tap is rounded by itself and goes first; the others are added to it unrounded.
function tapOrder(count: number): number[] {
  return Array.from({ length: count }, (_, tap) => (tap < 2 ? 1 - tap : tap));
}

function weighRow({ image, strip, row }: { image: ImageTensor; strip: ImageTensor; row: number }, taps: Taps): void {
  const { count, indexes, weights } = taps;
  const { channels, data } = image;
  const out = strip.data;
  const fromAt = row * image.width * channels;
  for (const first of tapOrder(count)) {
    let to = row * strip.width * channels;
    for (let tap = first; tap < indexes.length; tap += count) {
      const weight = sample(weights, tap);
      const from = fromAt + (indexes[tap] as number) * channels;
      for (let channel = 0; channel < channels; channel += 1) {
        out[to] = sample(out, to) + sample(data, from + channel) * weight;
        to += 1;
      }
    }
  }
}

interface ColumnMove {
  strip: ImageTensor;
  out: ImageTensor;
  frame: number;
  row: number;
}

function addRows({ strip, out, frame, row }: ColumnMove, taps: Taps): void {
  const length = strip.width * strip.channels;
  const toAt = (frame * out.height + row) * length;
  for (const offset of tapOrder(taps.count)) {
    const tap = row * taps.count + offset;
    const weight = sample(taps.weights, tap);
    const fromAt = (frame * strip.height + (taps.indexes[tap] as number)) * length;
    for (let index = 0; index < length; index += 1) {
      const product = sample(strip.data, fromAt + index) * weight;
      out.data[toAt + index] = sample(out.data, toAt + index) + product;
    }
  }
}

function weighSquares(image: ImageTensor, across: Taps, down: Taps): ImageTensor {
  const width = across.indexes.length / 2;
  const height = down.indexes.length / 2;
  const out = newImage({ ...image, width, height });
  for (let frame = 0; frame < image.batch; frame += 1) {
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) weighSquare({ image, out, frame }, { across, x: x * 2, down, y: y * 2 });
    }
  }
  return out;
}

interface Square {
  across: Taps;
  x: number;
  down: Taps;
  y: number;
}

function weighSquare(
  to: { image: ImageTensor; out: ImageTensor; frame: number },
  { across, x, down, y }: Square,
): void {
  const { image, out, frame } = to;
  const { channels } = image;
  const corner = (row: number, column: number): { at: number; weight: number } => ({
    at:
      ((frame * image.height + (down.indexes[y + row] as number)) * image.width +
        (across.indexes[x + column] as number)) *
      channels,
    weight: f(sample(down.weights, y + row) * sample(across.weights, x + column)),
  });
  const corners = [corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)] as const;
  const toAt = ((frame * out.height + y / 2) * out.width + x / 2) * channels;
  for (let channel = 0; channel < channels; channel += 1) {
    const product = ({ at, weight }: { at: number; weight: number }) => sample(image.data, at + channel) * weight;
    const upper = f(product(corners[0]) + f(product(corners[1])));
    out.data[toAt + channel] = f(upper + product(corners[2])) + product(corners[3]);
  }
}
