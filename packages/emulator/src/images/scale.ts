// Scales an image by one of ComfyUI's methods, cutting it to the target's aspect first when asked to.
// Called by the scale nodes, and by nodes that bring two images to one size.

import type { ImageTensor } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import { scaleArea } from './area-scale.ts';
import { scaleLanczos } from './lanczos-scale.ts';
import { scaleNearest } from './nearest-scale.ts';
import { roundHalfEven } from './round.pure.ts';
import { scaleBicubic, scaleBilinear } from './taps-scale.ts';
import { cropImage, newImage } from './tensor.ts';

export interface ScaleTarget {
  width: number;
  height: number;
  method: string;
  crop: 'disabled' | 'center';
}

const METHODS: Record<string, (image: ImageTensor, width: number, height: number) => ImageTensor> = {
  'nearest-exact': scaleNearest,
  bilinear: scaleBilinear,
  area: scaleArea,
  bicubic: scaleBicubic,
  lanczos: scaleLanczos,
};

export function scaleImage(image: ImageTensor, target: ScaleTarget): ImageTensor {
  const { width, height, method } = target;
  const scale = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
  if (!scale) throw new PythonError('NotImplementedError', `Unknown scaling method: ${method}`);
  const source = target.crop === 'center' ? cropToAspect(image, width / height) : image;
  if (Math.min(width, height, source.width, source.height) < 1) return scaleToNothing(source, target);
  return scale(source, width, height);
}

// Each method has its own say about empty pictures; only "area" lets them pass, until something is to be done with them.
function scaleToNothing(source: ImageTensor, { width, height, method }: ScaleTarget): ImageTensor {
  if (method === 'lanczos') throw new PythonError('ValueError', 'height and width must be > 0');
  if (method !== 'area') {
    const sizes = `input (H: ${source.height}, W: ${source.width}) output (H: ${height}, W: ${width})`;
    throw new PythonError('RuntimeError', `Input and output sizes should be greater than 0, but got ${sizes}`);
  }
  if (width >= 0 && height >= 0) return newImage({ ...source, width, height });
  const rule = 'adaptive_avg_pool2d: elements of output_size must be greater than or equal to 0';
  throw new PythonError('RuntimeError', `${rule} but received {${height}, ${width}}`);
}

function cropToAspect(image: ImageTensor, aspect: number): ImageTensor {
  const own = image.width / image.height;
  const left = own > aspect ? roundHalfEven((image.width - image.width * (aspect / own)) / 2) : 0;
  const top = own < aspect ? roundHalfEven((image.height - image.height * (own / aspect)) / 2) : 0;
  return cropImage(image, {
    left,
    top,
    width: Math.max(0, image.width - left * 2),
    height: Math.max(0, image.height - top * 2),
  });
}
