// Puts a picture on a larger grey ground, with a mask that covers the new parts and fades into the old ones.
// Called by the outpainting node.
import type { ImageTensor, MaskTensor } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import { newImage, newMask, sliceEdge } from './tensor.ts';

export interface Padding {
  left: number;
  top: number;
  right: number;
  bottom: number;
  /** How far into the picture the mask fades, in pixels. */
  feathering: number;
}

export function padForOutpaint(image: ImageTensor, padding: Padding): { image: ImageTensor; mask: MaskTensor } {
  const height = image.height + padding.top + padding.bottom;
  const width = image.width + padding.left + padding.right;
  const ground = newImage({ ...image, height, width });
  ground.data.fill(0.5);
  requireRoom(image, ground, padding);
  const rowLength = image.width * image.channels;
  for (let row = 0; row < image.batch * image.height; row += 1) {
    const frame = Math.floor(row / image.height);
    const y = (row % image.height) + padding.top;
    const to = ((frame * height + y) * width + padding.left) * image.channels;
    ground.data.set(image.data.subarray(row * rowLength, (row + 1) * rowLength), to);
  }
  return { image: ground, mask: fadeMask({ width: image.width, height: image.height }, padding) };
}

// Paddings from other nodes may be negative; the picture then does not fit the part of the ground that it should fill.
function requireRoom(image: ImageTensor, ground: ImageTensor, { left, top }: Padding): void {
  const across = sliceEdge(left + image.width, ground.width) - sliceEdge(left, ground.width);
  const down = sliceEdge(top + image.height, ground.height) - sliceEdge(top, ground.height);
  if (across === image.width && down === image.height) return;
  const [room, size, dimension] = across === image.width ? [down, image.height, 1] : [across, image.width, 2];
  const rule = `The expanded size of the tensor (${Math.max(0, room)}) must match the existing size (${size})`;
  const whole = [image.height, image.width, image.channels];
  const target = `Target sizes: [${image.batch}, ${Math.max(0, down)}, ${Math.max(0, across)}, ${image.channels}]`;
  const given = `Tensor sizes: [${(image.batch === 1 ? whole : [image.batch, ...whole]).join(', ')}]`;
  throw new PythonError('RuntimeError', `${rule} at non-singleton dimension ${dimension}.  ${target}.  ${given}`);
}

interface Size {
  width: number;
  height: number;
}

function fadeMask(inner: Size, padding: Padding): MaskTensor {
  const width = inner.width + padding.left + padding.right;
  const mask = newMask({ batch: 1, height: inner.height + padding.top + padding.bottom, width });
  mask.data.fill(1);
  const fades = padding.feathering > 0 && padding.feathering * 2 < Math.min(inner.width, inner.height);
  for (let y = 0; y < inner.height; y += 1) {
    const start = (y + padding.top) * width + padding.left;
    if (!fades) mask.data.fill(0, start, start + inner.width);
    else for (let x = 0; x < inner.width; x += 1) mask.data[start + x] = fade({ x, y }, inner, padding);
  }
  return mask;
}

// Only edges that got padding count; the far edges are one pixel farther than the near ones.
function fade({ x, y }: { x: number; y: number }, inner: Size, padding: Padding): number {
  const distance = Math.min(
    padding.top === 0 ? inner.height : y,
    padding.bottom === 0 ? inner.height : inner.height - y,
    padding.left === 0 ? inner.width : x,
    padding.right === 0 ? inner.width : inner.width - x,
  );
  if (distance >= padding.feathering) return 0;
  const share = (padding.feathering - distance) / padding.feathering;
  return share * share;
}
