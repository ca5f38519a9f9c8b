// PreviewAny: shows whatever it is given as text in the prompt's outputs.
import { dumps } from '../python/dumps.pure.ts';
import { isNumber } from '../python/numbers.pure.ts';
import { str } from '../python/text.pure.ts';
import type { NodeDefinition } from './node.ts';
import { nodeInfo } from './node-info.ts';
import { isTensor, tensorText } from './tensor-text.ts';

export const previewAny: NodeDefinition = {
  classType: 'PreviewAny',
  info: nodeInfo('PreviewAny'),
  async run(inputs) {
    return { outputs: [], ui: { text: [showAsText(inputs['source'])] } };
  },
};

function showAsText(value: unknown): string {
  if (isTensor(value)) return tensorText(value);
  const isScalar = value === null || value === undefined || typeof value === 'string' || typeof value === 'boolean';
  return isScalar || isNumber(value) ? str(value) : dumps(value);
}
