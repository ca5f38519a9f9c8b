// The primitive nodes: each hands on the one value it is given, which validation has already made its type.
import type { NodeDefinition } from './node.ts';
import { nodeInfo } from './node-info.ts';

function primitive(classType: string): NodeDefinition {
  return { classType, info: nodeInfo(classType), run: async (inputs) => ({ outputs: [inputs['value']] }) };
}

export const primitiveNodes: readonly NodeDefinition[] = [
  primitive('PrimitiveInt'),
  primitive('PrimitiveFloat'),
  primitive('PrimitiveString'),
  primitive('PrimitiveStringMultiline'),
  primitive('PrimitiveBoolean'),
];
