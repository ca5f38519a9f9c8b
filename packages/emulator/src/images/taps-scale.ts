// Separable scaling by a few taps per output sample: bilinear (2), bicubic (4) and area (as many as it covers).
// Called by scale.ts and by compositing. Neither bilinear nor bicubic widens its taps when shrinking (no antialias).
import type { ImageTensor } from '../nodes/node.ts';
import { newImage, sample } from './tensor.ts';

/** For each output position: where its samples lie and how much each weighs; `count` taps apiece. */
interface Taps {
  count: number;
  indexes: Int32Array;
  weights: Float32Array;
}

const CUBIC_SHARPNESS = -0.75;

export function scaleBilinear(image: ImageTensor, width: number, height: number): ImageTensor {
  return applyTaps(image, linearTaps(image.width, width), linearTaps(image.height, height));
}

export function scaleBicubic(image: ImageTensor, width: number, height: number): ImageTensor {
  return applyTaps(image, cubicTaps(image.width, width), cubicTaps(image.height, height));
}

function newTaps(length: number, count: number): Taps {
  return { count, indexes: new Int32Array(length * count), weights: new Float32Array(length * count) };
}

function linearTaps(from: number, to: number): Taps {
  const taps = newTaps(to, 2);
  const ratio = Math.fround(from / to);
  for (let index = 0; index < to; index += 1) {
    const source = Math.max(0, Math.fround(Math.fround(ratio * Math.fround(index + 0.5)) - 0.5));
    const left = Math.min(Math.floor(source), from - 1);
    const share = Math.min(Math.max(Math.fround(source - left), 0), 1);
    taps.indexes.set([left, Math.min(left + 1, from - 1)], index * 2);
    taps.weights.set([Math.fround(1 - share), share], index * 2);
  }
  if (from === to) identityTaps(taps);
  return taps;
}

function identityTaps(taps: Taps): void {
  for (let index = 0; index < taps.indexes.length; index += 2) {
    taps.indexes.fill(index / 2, index, index + 2);
    taps.weights.set([1, 0], index);
  }
}

function cubicTaps(from: number, to: number): Taps {
  const taps = newTaps(to, 4);
  const ratio = Math.fround(from / to);
  for (let index = 0; index < to; index += 1) {
    const source = Math.fround(Math.fround(ratio * Math.fround(index + 0.5)) - 0.5);
    const left = Math.floor(source);
    const share = Math.fround(source - left);
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

// Rows first into a strip as wide as the output, then columns: the same sums as the two-dimensional form.
function applyTaps(image: ImageTensor, across: Taps, down: Taps): ImageTensor {
  const width = across.indexes.length / across.count;
  const height = down.indexes.length / down.count;
  const { batch, channels } = image;
  const strip = newImage({ batch, height: image.height, width, channels });
  for (let row = 0; row < batch * image.height; row += 1) {
    weighRow(
      { from: image.data, fromAt: row * image.width * channels, to: strip.data, toAt: row * width * channels },
      across,
      channels,
    );
  }
  const out = newImage({ batch, height, width, channels });
  for (let frame = 0; frame < batch; frame += 1) {
    for (let row = 0; row < height; row += 1) addRows({ strip, out, frame, row }, down);
  }
  return out;
}

interface RowMove {
  from: Float32Array;
  fromAt: number;
  to: Float32Array;
  toAt: number;
}

function weighRow({ from, fromAt, to, toAt }: RowMove, taps: Taps, channels: number): void {
  const { count, indexes, weights } = taps;
  const width = indexes.length / count;
  for (let x = 0; x < width; x += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = 0;
      for (let tap = x * count; tap < (x + 1) * count; tap += 1) {
        const product = sample(from, fromAt + (indexes[tap] as number) * channels + channel) * sample(weights, tap);
        sum = Math.fround(sum + Math.fround(product));
      }
      to[toAt + x * channels + channel] = sum;
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
  for (let tap = row * taps.count; tap < (row + 1) * taps.count; tap += 1) {
    const weight = sample(taps.weights, tap);
    const fromAt = (frame * strip.height + (taps.indexes[tap] as number)) * length;
    for (let index = 0; index < length; index += 1) {
      const product = Math.fround(sample(strip.data, fromAt + index) * weight);
      out.data[toAt + index] = sample(out.data, toAt + index) + product;
    }
  }
}
