// What a node is called with: its declared constants, and the outputs of the nodes it is linked to. Called by run-graph.ts
// (constants only, for fingerprints) and run-node.ts.
import type { NodeDefinition } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import type { GraphNode } from './graph.ts';
import { readLink } from './is-link.pure.ts';
import type { NodeCache } from './node-cache.ts';

/** Undeclared constants are not passed on, undeclared links are: requireNoStrangers then complains of them. */
export function gatherInputs(
  node: GraphNode,
  { definition, cache }: { definition: NodeDefinition; cache: NodeCache },
): Record<string, unknown> {
  const gathered: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node.inputs)) {
    const link = readLink(value);
    if (link) gathered[name] = cache.get(link[0])?.outputs?.at(link[1]);
    else if (isDeclared(definition, name)) gathered[name] = value;
  }
  return gathered;
}

export function requireNoStrangers(inputs: Record<string, unknown>, definition: NodeDefinition): void {
  const stranger = Object.keys(inputs).find((name) => !isDeclared(definition, name));
  if (stranger === undefined) return;
  const text = `${definition.classType} got an unexpected keyword argument '${stranger}'`;
  throw new PythonError('TypeError', text);
}

export function constantsOf(node: GraphNode, definition: NodeDefinition): Record<string, unknown> {
  const constants: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node.inputs)) {
    if (!readLink(value) && isDeclared(definition, name)) constants[name] = value;
  }
  return constants;
}

function isDeclared({ info }: NodeDefinition, name: string): boolean {
  return Object.hasOwn(info.input?.required ?? {}, name) || Object.hasOwn(info.input?.optional ?? {}, name);
}
