// SolidMask, InvertMask, MaskToImage and ImageToMask.
import { mapSamples, newImage, newMask, sample } from '../images/tensor.ts';
import { PythonError } from '../python/errors.ts';
import { readImage, readMask, readNumber, readText } from './inputs.ts';
import type { ImageTensor, MaskTensor, NodeDefinition } from './node.ts';
import { nodeInfo } from './node-info.ts';

const CHANNELS = ['red', 'green', 'blue', 'alpha'];

export const solidMask: NodeDefinition = {
  classType: 'SolidMask',
  info: nodeInfo('SolidMask'),
  async run(inputs) {
    const mask = newMask({ batch: 1, height: readNumber(inputs, 'height'), width: readNumber(inputs, 'width') });
    mask.data.fill(readNumber(inputs, 'value'));
    return { outputs: [mask] };
  },
};

export const invertMask: NodeDefinition = {
  classType: 'InvertMask',
  info: nodeInfo('InvertMask'),
  async run(inputs) {
    return { outputs: [mapSamples(readMask(inputs, 'mask'), (value) => 1 - value)] };
  },
};

export const maskToImage: NodeDefinition = {
  classType: 'MaskToImage',
  info: nodeInfo('MaskToImage'),
  async run(inputs) {
    return { outputs: [grayImage(readMask(inputs, 'mask'))] };
  },
};

function grayImage(mask: MaskTensor): ImageTensor {
  const image = newImage({ ...mask, channels: 3 });
  for (let index = 0; index < image.data.length; index += 1) {
    image.data[index] = sample(mask.data, Math.floor(index / 3));
  }
  return image;
}

export const imageToMask: NodeDefinition = {
  classType: 'ImageToMask',
  info: nodeInfo('ImageToMask'),
  async run(inputs) {
    return { outputs: [channelMask(readImage(inputs, 'image'), readText(inputs, 'channel'))] };
  },
};

function channelMask(image: ImageTensor, name: string): MaskTensor {
  const channel = CHANNELS.indexOf(name);
  if (channel < 0) throw new PythonError('ValueError', `'${name}' is not in list`);
  if (channel >= image.channels) {
    const sizes = `index ${channel} is out of bounds for dimension 3 with size ${image.channels}`;
    throw new PythonError('IndexError', sizes);
  }
  const mask = newMask(image);
  for (let index = 0; index < mask.data.length; index += 1) {
    mask.data[index] = sample(image.data, index * image.channels + channel);
  }
  return mask;
}
