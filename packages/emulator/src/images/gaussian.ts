// Gaussian blur as ComfyUI's ImageBlur does it: distances run from -1 to 1 over the kernel whatever its radius, and
// the border is mirrored. The kernel is separable, so two one-dimensional passes do. Called by the blur and sharpen nodes.
import type { ImageTensor } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import { newImage, sample } from './tensor.ts';

export function blurImage(image: ImageTensor, radius: number, sigma: number): ImageTensor {
  requireRoomToMirror(image, radius);
  const kernel = gaussianWeights(radius, sigma);
  const across = blurAcross(image, mirrored(image.width, radius), kernel);
  return blurDown(across, mirrored(image.height, radius), kernel);
}

function requireRoomToMirror(image: ImageTensor, radius: number): void {
  const { batch, channels, height, width } = image;
  const dimension = radius >= width ? 3 : radius >= height ? 2 : undefined;
  if (dimension === undefined) return;
  const what = `padding (${radius}, ${radius}) at dimension ${dimension} of input [${batch}, ${channels}, ${height}, ${width}]`;
  const argument = dimension === 3 ? 'Argument #4' : 'Argument #6';
  const rule = 'Padding size should be less than the corresponding input dimension';
  throw new PythonError('RuntimeError', `${argument}: ${rule}, but got: ${what}`);
}

function gaussianWeights(radius: number, sigma: number): Float64Array {
  const weights = Float64Array.from({ length: radius * 2 + 1 }, (_, index) => {
    const distance = (index - radius) / radius;
    return Math.exp(-(distance * distance) / (2 * sigma * sigma));
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** The sample to read at each position of an axis padded by `radius` on both ends, the edge sample not repeated. */
function mirrored(length: number, radius: number): Int32Array {
  return Int32Array.from({ length: length + radius * 2 }, (_, index) => {
    const position = Math.abs(index - radius);
    return position < length ? position : 2 * (length - 1) - position;
  });
}

function blurAcross(image: ImageTensor, positions: Int32Array, kernel: Float64Array): ImageTensor {
  const out = newImage(image);
  const { width, channels, data } = image;
  const sums = new Float64Array(width * channels);
  for (let row = 0; row < image.batch * image.height; row += 1) {
    const base = row * width * channels;
    sums.fill(0);
    for (let tap = 0; tap < kernel.length; tap += 1) {
      const weight = kernel[tap] as number;
      for (let x = 0, to = 0; x < width; x += 1) {
        const from = base + (positions[x + tap] as number) * channels;
        for (let channel = 0; channel < channels; channel += 1, to += 1) {
          sums[to] = (sums[to] as number) + sample(data, from + channel) * weight;
        }
      }
    }
    out.data.set(sums, base);
  }
  return out;
}

function blurDown(image: ImageTensor, positions: Int32Array, kernel: Float64Array): ImageTensor {
  const out = newImage(image);
  const length = image.width * image.channels;
  const sums = new Float64Array(length);
  for (let frame = 0; frame < image.batch; frame += 1) {
    for (let y = 0; y < image.height; y += 1) {
      sums.fill(0);
      for (let tap = 0; tap < kernel.length; tap += 1) {
        const from = (frame * image.height + (positions[y + tap] as number)) * length;
        const weight = kernel[tap] as number;
        for (let x = 0; x < length; x += 1) sums[x] = (sums[x] as number) + sample(image.data, from + x) * weight;
      }
      out.data.set(sums, (frame * image.height + y) * length);
    }
  }
  return out;
}

/** Adds back what a blur takes away: a kernel of negative Gaussian weights whose centre makes the sum 1. */
export function sharpenImage(image: ImageTensor, blurred: ImageTensor, alpha: number): ImageTensor {
  const strength = alpha * 10;
  const out = newImage(image);
  for (let index = 0; index < out.data.length; index += 1) {
    const value = (1 + strength) * sample(image.data, index) - strength * sample(blurred.data, index);
    out.data[index] = Math.min(1, Math.max(0, value));
  }
  return out;
}
