// Scaling by the mean of the covered samples, the "area" method: whole samples only, so neighbours may share one.
// Called by scale.ts.
import type { ImageTensor } from '../nodes/node.ts';
import { newImage, sample } from './tensor.ts';

export function scaleArea(image: ImageTensor, width: number, height: number): ImageTensor {
  const { batch, channels } = image;
  const out = newImage({ batch, height, width, channels });
  let to = 0;
  for (let frame = 0; frame < batch; frame += 1) {
    for (let y = 0; y < height; y += 1) {
      const rows = covered(y, image.height, height);
      for (let x = 0; x < width; x += 1) {
        const columns = covered(x, image.width, width);
        for (let channel = 0; channel < channels; channel += 1) {
          out.data[to] = mean(image, { frame, rows, columns, channel });
          to += 1;
        }
      }
    }
  }
  return out;
}

interface Span {
  start: number;
  end: number;
}

function covered(index: number, from: number, to: number): Span {
  return { start: Math.floor((index * from) / to), end: Math.ceil(((index + 1) * from) / to) };
}

function mean(image: ImageTensor, box: { frame: number; rows: Span; columns: Span; channel: number }): number {
  const { rows, columns } = box;
  let sum = 0;
  for (let y = rows.start; y < rows.end; y += 1) {
    const base = (box.frame * image.height + y) * image.width;
    for (let x = columns.start; x < columns.end; x += 1) {
      sum = Math.fround(sum + sample(image.data, (base + x) * image.channels + box.channel));
    }
  }
  return Math.fround(sum / (rows.end - rows.start)) / (columns.end - columns.start);
}
