// Which input a bypassed node passes on to one of its outputs. Called by resolve.ts.

import type { EditorNode } from './graph-model.ts';

/** The input of the same position when its type fits, else the first of exactly the type, else the first that fits. */
export function bypassSlot(node: EditorNode, output: number, type: string): number | undefined {
  const { inputs } = node;
  const outputType = node.outputs[output];
  if (outputType === undefined) return undefined;
  if (type === '*' || type === '') return inputs.length > output ? output : 0;
  const fits = (input: { type: string } | undefined) =>
    input !== undefined && typesMatch(input.type, outputType) && typesMatch(input.type, type);
  if (fits(inputs[output])) return output;
  const exact = inputs.findIndex((input) => input.type === type);
  const found = exact === -1 ? inputs.findIndex(fits) : exact;
  return found === -1 ? undefined : found;
}

/** Types are compared without case; a wildcard fits all, a list ("IMAGE,MASK") any of its members. */
export function typesMatch(a: string, b: string): boolean {
  if (isAny(a) || isAny(b) || a === b) return true;
  const left = a.toLowerCase().split(',');
  const right = new Set(b.toLowerCase().split(','));
  return left.some((type) => isAny(type) || right.has(type) || right.has('*'));
}

function isAny(type: string): boolean {
  return type === '*' || type === '' || type === '0';
}
