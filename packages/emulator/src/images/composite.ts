// Lays one image over another at a position, through a mask. Called by the compositing node.
import type { ImageTensor } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import { scaleBilinear } from './taps-scale.ts';
import { cropImage, type Rectangle, repeatToBatch, sample, sliceEdge } from './tensor.ts';

export interface Composition {
  destination: ImageTensor;
  source: ImageTensor;
  /** One channel; scaled to the source and repeated to its batch. */
  mask: ImageTensor | undefined;
  x: number;
  y: number;
}

/** Both images have the same number of channels. The destination is not changed. */
export function compositeImages({ destination, source, mask, ...at }: Composition): ImageTensor {
  const layer = repeatToBatch(source, destination.batch);
  const area = placeSource(destination, layer, at);
  const out: ImageTensor = { ...destination, data: destination.data.slice() };
  if (area.width === 0 || area.height === 0) return out;
  const cut = { left: 0, top: 0, width: area.width, height: area.height };
  const visible = cropImage(layer, cut);
  const veil = mask && cropImage(repeatToBatch(scaleBilinear(mask, layer.width, layer.height), layer.batch), cut);
  for (let row = 0; row < out.batch * area.height; row += 1) coverRow({ out, visible, veil, area }, row);
  return out;
}

// Positions may come from other nodes and be negative; ComfyUI then slices from the far end, as Python does, and fails
// where the two pieces differ in size.
function placeSource(destination: ImageTensor, source: ImageTensor, at: { x: number; y: number }): Rectangle {
  const x = Math.max(-source.width, Math.min(at.x, destination.width));
  const y = Math.max(-source.height, Math.min(at.y, destination.height));
  const columns = placeAxis(x, source.width, destination.width);
  const rows = placeAxis(y, source.height, destination.height);
  const fits = columns.source === columns.length && rows.source === rows.length;
  if (!fits) throw sizeMismatch(columns, rows);
  return { left: columns.start, top: rows.start, width: columns.length, height: rows.length };
}

interface Axis {
  start: number;
  /** Samples of the destination that the slice covers. */
  length: number;
  /** Samples of the source that ComfyUI counts as visible. */
  source: number;
}

function placeAxis(start: number, length: number, room: number): Axis {
  const from = sliceEdge(start, room);
  const to = sliceEdge(start + length, room);
  const seen = room - start + Math.min(0, start);
  return { start: from, length: Math.max(0, to - from), source: Math.max(0, Math.min(length, seen)) };
}

function sizeMismatch(columns: Axis, rows: Axis): PythonError {
  const [axis, dimension] = columns.source !== columns.length ? [columns, 3] : [rows, 2];
  const sizes = `The size of tensor a (${axis.source}) must match the size of tensor b (${axis.length})`;
  return new PythonError('RuntimeError', `${sizes} at non-singleton dimension ${dimension}`);
}

interface Cover {
  out: ImageTensor;
  visible: ImageTensor;
  veil: ImageTensor | undefined;
  area: Rectangle;
}

function coverRow({ out, visible, veil, area }: Cover, row: number): void {
  const { channels } = out;
  const frame = Math.floor(row / area.height);
  const y = (row % area.height) + area.top;
  const base = ((frame * out.height + y) * out.width + area.left) * channels;
  for (let index = 0; index < area.width * channels; index += 1) {
    const above = sample(visible.data, row * area.width * channels + index);
    const share = veil ? sample(veil.data, row * area.width + Math.floor(index / channels)) : 1;
    const below = Math.fround(Math.fround(1 - share) * sample(out.data, base + index));
    out.data[base + index] = Math.fround(share * above) + below;
  }
}
