// Scaling by the nearest sample, the "nearest-exact" method. Called by scale.ts.
import type { ImageTensor } from '../nodes/node.ts';
import { newImage } from './tensor.ts';

export function scaleNearest(image: ImageTensor, width: number, height: number): ImageTensor {
  const { batch, channels } = image;
  const out = newImage({ batch, height, width, channels });
  const columns = nearestIndexes(image.width, width);
  const rows = nearestIndexes(image.height, height);
  let to = 0;
  for (let frame = 0; frame < batch; frame += 1) {
    for (const row of rows) {
      const base = (frame * image.height + row) * image.width;
      for (const column of columns) {
        const from = (base + column) * channels;
        for (let channel = 0; channel < channels; channel += 1)
          out.data[to + channel] = image.data[from + channel] as number;
        to += channels;
      }
    }
  }
  return out;
}

// The ratio and the product are float32 in torch; with doubles a few columns of odd ratios would differ by one.
function nearestIndexes(from: number, to: number): Int32Array {
  const ratio = Math.fround(from / to);
  const indexes = new Int32Array(to);
  for (let index = 0; index < to; index += 1) {
    indexes[index] = Math.min(Math.floor(Math.fround((index + 0.5) * ratio)), from - 1);
  }
  return indexes;
}
