// Making and slicing the float tensors that nodes pass to each other. Used by every kernel and node.
import type { ImageTensor, MaskTensor } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';

export interface Shape {
  batch: number;
  height: number;
  width: number;
  channels: number;
}

export function newImage({ batch, height, width, channels }: Shape): ImageTensor {
  requireSizes([batch, height, width, channels]);
  return { kind: 'image', batch, height, width, channels, data: new Float32Array(batch * height * width * channels) };
}

export function newMask({ batch, height, width }: Omit<Shape, 'channels'>): MaskTensor {
  requireSizes([batch, height, width]);
  return { kind: 'mask', batch, height, width, data: new Float32Array(batch * height * width) };
}

// Sizes may come from other nodes, which no validation bounds.
function requireSizes(sizes: number[]): void {
  const negative = sizes.find((size) => size < 0);
  if (negative === undefined) return;
  const text = `Trying to create tensor with negative dimension ${negative}: [${sizes.join(', ')}]`;
  throw new PythonError('RuntimeError', text);
}

/** A sample whose index the caller's loop bounds guarantee; compiles to a plain load. */
export function sample(data: Float32Array, index: number): number {
  return data[index] as number;
}

/** A mask seen as an image of one channel, sharing its memory, so that one set of kernels serves both. */
export function maskAsImage(mask: MaskTensor): ImageTensor {
  return { ...mask, kind: 'image', channels: 1 };
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.batch === b.batch && a.height === b.height && a.width === b.width && a.channels === b.channels;
}

/** One picture of a batch, sharing memory. */
export function frameOf(image: ImageTensor, index: number): Float32Array {
  const size = image.height * image.width * image.channels;
  return image.data.subarray(index * size, (index + 1) * size);
}

export interface Rectangle {
  left: number;
  top: number;
  width: number;
  height: number;
}

export function cropImage(image: ImageTensor, area: Rectangle): ImageTensor {
  const { batch, channels } = image;
  if (area.left === 0 && area.top === 0 && area.width === image.width && area.height === image.height) return image;
  const out = newImage({ batch, height: area.height, width: area.width, channels });
  const rowLength = area.width * channels;
  for (let row = 0; row < batch * area.height; row += 1) {
    const frame = Math.floor(row / area.height);
    const y = (row % area.height) + area.top;
    const from = ((frame * image.height + y) * image.width + area.left) * channels;
    out.data.set(image.data.subarray(from, from + rowLength), row * rowLength);
  }
  return out;
}

/** Where a Python slice begins or ends on an axis: negative positions count from the far end. */
export function sliceEdge(edge: number, length: number): number {
  return Math.min(Math.max(edge < 0 ? edge + length : edge, 0), length);
}

/** Repeats or cuts a batch to `batch` pictures, as ComfyUI does before it combines two batches. */
export function repeatToBatch(image: ImageTensor, batch: number): ImageTensor {
  if (image.batch === batch) return image;
  const { height, width, channels } = image;
  const out = newImage({ batch, height, width, channels });
  const size = height * width * channels;
  for (let index = 0; index < batch; index += 1) out.data.set(frameOf(image, index % image.batch), index * size);
  return out;
}

/** Applies `change` to each sample; the result is rounded to float32 by the store, as torch does. */
export function mapSamples<T extends ImageTensor | MaskTensor>(tensor: T, change: (value: number) => number): T {
  const data = new Float32Array(tensor.data.length);
  for (let index = 0; index < data.length; index += 1) data[index] = change(sample(tensor.data, index));
  return { ...tensor, data };
}

/** 0..1 floats to bytes: clip, then cut the fraction off (numpy's astype does not round). */
export function toBytes(data: Float32Array): Uint8Array {
  const bytes = new Uint8Array(data.length);
  for (let index = 0; index < data.length; index += 1) {
    const value = Math.fround(255 * sample(data, index));
    bytes[index] = Math.min(255, Math.max(0, value));
  }
  return bytes;
}

/** Bytes to floats by a float32 division, so that 255 gives exactly 1. */
export function fromBytes(bytes: Uint8Array): Float32Array {
  const data = new Float32Array(bytes.length);
  for (let index = 0; index < data.length; index += 1) data[index] = (bytes[index] as number) / 255;
  return data;
}
