// ImageScale and ImageScaleBy.
import { roundHalfEven } from '../images/round.pure.ts';
import { scaleImage } from '../images/scale.ts';
import { readImage, readNumber, readText } from './inputs.ts';
import type { ImageTensor, NodeDefinition } from './node.ts';
import { nodeInfo } from './node-info.ts';

export const imageScale: NodeDefinition = {
  classType: 'ImageScale',
  info: nodeInfo('ImageScale'),
  async run(inputs) {
    const image = readImage(inputs, 'image');
    const size = fillSize(image, readNumber(inputs, 'width'), readNumber(inputs, 'height'));
    if (size.width === 0 && size.height === 0) return { outputs: [image] };
    const crop = readText(inputs, 'crop') === 'center' ? 'center' : 'disabled';
    return { outputs: [scaleImage(image, { ...size, method: readText(inputs, 'upscale_method'), crop })] };
  },
};

export const imageScaleBy: NodeDefinition = {
  classType: 'ImageScaleBy',
  info: nodeInfo('ImageScaleBy'),
  async run(inputs) {
    const image = readImage(inputs, 'image');
    const factor = readNumber(inputs, 'scale_by');
    const width = roundHalfEven(image.width * factor);
    const height = roundHalfEven(image.height * factor);
    const method = readText(inputs, 'upscale_method');
    return { outputs: [scaleImage(image, { width, height, method, crop: 'disabled' })] };
  },
};

// A side of 0 means: as the picture's aspect gives it.
function fillSize(image: ImageTensor, width: number, height: number): { width: number; height: number } {
  if (width === 0 && height !== 0) {
    return { width: Math.max(1, roundHalfEven((image.width * height) / image.height)), height };
  }
  if (height === 0 && width !== 0) {
    return { width, height: Math.max(1, roundHalfEven((image.height * width) / image.width)) };
  }
  return { width, height };
}
