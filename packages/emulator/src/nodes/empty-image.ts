// EmptyImage: a batch of pictures in one colour.
import { newImage } from '../images/tensor.ts';
import { readNumber } from './inputs.ts';
import type { NodeDefinition } from './node.ts';
import { nodeInfo } from './node-info.ts';

export const emptyImage: NodeDefinition = {
  classType: 'EmptyImage',
  info: nodeInfo('EmptyImage'),
  async run(inputs) {
    const batch = 'batch_size' in inputs ? readNumber(inputs, 'batch_size') : 1;
    const color = 'color' in inputs ? readNumber(inputs, 'color') : 0;
    const image = newImage({
      batch,
      height: readNumber(inputs, 'height'),
      width: readNumber(inputs, 'width'),
      channels: 3,
    });
    for (const [channel, shift] of [16, 8, 0].entries()) {
      const value = ((color >> shift) & 0xff) / 0xff;
      for (let index = channel; index < image.data.length; index += 3) image.data[index] = value;
    }
    return { outputs: [image] };
  },
};
