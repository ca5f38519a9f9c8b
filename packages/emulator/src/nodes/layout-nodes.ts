// ImageCrop, ImagePadForOutpaint, ImageBatch and ImageCompositeMasked: put pictures beside, into and over each other.

import { matchChannels } from '../images/blend.ts';
import { compositeImages } from '../images/composite.ts';
import { padForOutpaint } from '../images/outpaint.ts';
import { scaleImage } from '../images/scale.ts';
import { scaleBilinear } from '../images/taps-scale.ts';
import { cropImage, maskAsImage, newImage, sliceEdge } from '../images/tensor.ts';
import { PythonError } from '../python/errors.ts';
import { readFlag, readImage, readMask, readNumber } from './inputs.ts';
import type { ImageTensor, NodeDefinition } from './node.ts';
import { nodeInfo } from './node-info.ts';

export const imageCrop: NodeDefinition = {
  classType: 'ImageCrop',
  info: nodeInfo('ImageCrop'),
  async run(inputs) {
    const image = readImage(inputs, 'image');
    const across = sliceAxis(readNumber(inputs, 'x'), readNumber(inputs, 'width'), image.width);
    const down = sliceAxis(readNumber(inputs, 'y'), readNumber(inputs, 'height'), image.height);
    const area = { left: across.start, top: down.start, width: across.length, height: down.length };
    return { outputs: [cropImage(image, area)] };
  },
};

function sliceAxis(position: number, length: number, room: number): { start: number; length: number } {
  const first = Math.min(position, room - 1);
  const start = sliceEdge(first, room);
  return { start, length: Math.max(0, sliceEdge(first + length, room) - start) };
}

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
