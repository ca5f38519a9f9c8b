// ImageInvert, ImageBlend, ImageBlur and ImageSharpen: change samples, not shapes.
import { blendImages, matchChannels } from '../images/blend.ts';
import { blurImage, sharpenImage } from '../images/gaussian.ts';
import { scaleImage } from '../images/scale.ts';
import { mapSamples, sameShape } from '../images/tensor.ts';
import { readImage, readNumber, readText } from './inputs.ts';
import type { NodeDefinition } from './node.ts';
import { nodeInfo } from './node-info.ts';

export const imageInvert: NodeDefinition = {
  classType: 'ImageInvert',
  info: nodeInfo('ImageInvert'),
  async run(inputs) {
    return { outputs: [mapSamples(readImage(inputs, 'image'), (value) => 1 - value)] };
  },
};

export const imageBlend: NodeDefinition = {
  classType: 'ImageBlend',
  info: nodeInfo('ImageBlend'),
  async run(inputs) {
    const below = readImage(inputs, 'image1');
    const given = matchChannels(below, readImage(inputs, 'image2'));
    const fit = { width: below.width, height: below.height, method: 'bicubic', crop: 'center' } as const;
    const above = sameShape(below, given) ? given : scaleImage(given, fit);
    const how = { mode: readText(inputs, 'blend_mode'), factor: readNumber(inputs, 'blend_factor') };
    return { outputs: [blendImages(below, above, how)] };
  },
};

export const imageBlur: NodeDefinition = {
  classType: 'ImageBlur',
  info: nodeInfo('ImageBlur'),
  async run(inputs) {
    const image = readImage(inputs, 'image');
    const radius = readNumber(inputs, 'blur_radius');
    return { outputs: [radius === 0 ? image : blurImage(image, radius, readNumber(inputs, 'sigma'))] };
  },
};

export const imageSharpen: NodeDefinition = {
  classType: 'ImageSharpen',
  info: nodeInfo('ImageSharpen'),
  async run(inputs) {
    const image = readImage(inputs, 'image');
    const radius = readNumber(inputs, 'sharpen_radius');
    if (radius === 0) return { outputs: [image] };
    const blurred = blurImage(image, radius, readNumber(inputs, 'sigma'));
    return { outputs: [sharpenImage(image, blurred, readNumber(inputs, 'alpha'))] };
  },
};
