// What a node is called with: its declared constants, and the outputs of the nodes it is linked to. Called by run-graph.ts
// (constants only, for fingerprints) and run-node.ts.
import { type JsonValue, LosslessNumber } from '@comfleet/comfyui';
import type { NodeDefinition } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import type { GraphNode } from './graph.ts';
import { readLink } from './is-link.pure.ts';
import type { NodeCache } from './node-cache.ts';

/** Undeclared constants are not passed on, while undeclared links are: python then complains of an unexpected argument. */
export function gatherInputs(
  node: GraphNode,
  { definition, cache }: { definition: NodeDefinition; cache: NodeCache },
): Record<string, unknown> {
  const gathered = constantsOf(node, definition);
  for (const [name, value] of Object.entries(node.inputs)) {
    const link = readLink(value);
    if (!link) continue;
    if (!isDeclared(definition, name)) {
      throw new PythonError('TypeError', `${node.classType} got an unexpected keyword argument '${name}'`);
    }
    gathered[name] = cache.get(link[0])?.outputs?.at(link[1]);
  }
  return gathered;
}

export function constantsOf(node: GraphNode, definition: NodeDefinition): Record<string, unknown> {
  const constants: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node.inputs)) {
    if (!readLink(value) && isDeclared(definition, name)) constants[name] = plain(value);
  }
  return constants;
}

function isDeclared({ info }: NodeDefinition, name: string): boolean {
  return Object.hasOwn(info.input?.required ?? {}, name) || Object.hasOwn(info.input?.optional ?? {}, name);
}

const plain = (value: JsonValue): unknown => (value instanceof LosslessNumber ? value.valueOf() : value);
