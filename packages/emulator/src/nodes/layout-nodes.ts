// ImageCrop, ImagePadForOutpaint, ImageBatch and ImageCompositeMasked: put pictures beside, into and over each other.

import { matchChannels } from '../images/blend.ts';
import { compositeImages } from '../images/composite.ts';
import { padForOutpaint } from '../images/outpaint.ts';
import { scaleImage } from '../images/scale.ts';
import { scaleBilinear } from '../images/taps-scale.ts';
import { cropImage, maskAsImage, newImage } from '../images/tensor.ts';
import { PythonError } from '../python/errors.ts';
import { readFlag, readImage, readMask, readNumber } from './inputs.ts';
import type { ImageTensor, NodeDefinition } from './node.ts';
import { nodeInfo } from './node-info.ts';

export const imageCrop: NodeDefinition = {
  classType: 'ImageCrop',
  info: nodeInfo('ImageCrop'),
  async run(inputs) {
    const image = readImage(inputs, 'image');
    const left = Math.min(readNumber(inputs, 'x'), image.width - 1);
    const top = Math.min(readNumber(inputs, 'y'), image.height - 1);
    const width = Math.min(readNumber(inputs, 'width'), image.width - left);
    const height = Math.min(readNumber(inputs, 'height'), image.height - top);
    return { outputs: [cropImage(image, { left, top, width, height })] };
  },
};

export const imagePadForOutpaint: NodeDefinition = {
  classType: 'ImagePadForOutpaint',
  info: nodeInfo('ImagePadForOutpaint'),
  async run(inputs) {
    const { image, mask } = padForOutpaint(readImage(inputs, 'image'), {
      left: readNumber(inputs, 'left'),
      top: readNumber(inputs, 'top'),
      right: readNumber(inputs, 'right'),
      bottom: readNumber(inputs, 'bottom'),
      feathering: readNumber(inputs, 'feathering'),
    });
    return { outputs: [image, mask] };
  },
};

export const imageBatch: NodeDefinition = {
  classType: 'ImageBatch',
  info: nodeInfo('ImageBatch'),
  async run(inputs) {
    const first = readImage(inputs, 'image1');
    const second = fitTo(first, readImage(inputs, 'image2'));
    if (first.channels !== second.channels) {
      const sizes = `Expected size ${first.channels} but got size ${second.channels} for tensor number 1 in the list.`;
      throw new PythonError('RuntimeError', `Sizes of tensors must match except in dimension 0. ${sizes}`);
    }
    const out = newImage({ ...first, batch: first.batch + second.batch });
    out.data.set(first.data);
    out.data.set(second.data, first.data.length);
    return { outputs: [out] };
  },
};

function fitTo(first: ImageTensor, second: ImageTensor): ImageTensor {
  const { width, height, channels } = first;
  if (second.width === width && second.height === height && second.channels === channels) return second;
  return scaleImage(second, { width, height, method: 'bilinear', crop: 'center' });
}

export const imageCompositeMasked: NodeDefinition = {
  classType: 'ImageCompositeMasked',
  info: nodeInfo('ImageCompositeMasked'),
  async run(inputs) {
    const destination = readImage(inputs, 'destination');
    const given = matchChannels(destination, readImage(inputs, 'source'));
    const isResized = readFlag(inputs, 'resize_source');
    const source = isResized ? scaleBilinear(given, destination.width, destination.height) : given;
    const mask = inputs['mask'] === undefined ? undefined : maskAsImage(readMask(inputs, 'mask'));
    const at = { x: readNumber(inputs, 'x'), y: readNumber(inputs, 'y') };
    return { outputs: [compositeImages({ destination, source, mask, ...at })] };
  },
};
