// Reads a node's inputs as the types the node expects. A link may bring anything (validation only compares declared
// types), so a wrong value fails as it would in Python. Called by every node.

import { PythonError } from '../python/errors.ts';
import { isNumber, toDouble } from '../python/numbers.pure.ts';
import { typeName } from '../python/text.pure.ts';
import type { ImageTensor, MaskTensor, NodeInputs } from './node.ts';

export function readImage(inputs: NodeInputs, name: string): ImageTensor {
  const value = inputs[name];
  if (hasKind(value) && value.kind === 'image') return value as ImageTensor;
  throw unusable(name, value);
}

export function readMask(inputs: NodeInputs, name: string): MaskTensor {
  const value = inputs[name];
  if (hasKind(value) && value.kind === 'mask') return value as MaskTensor;
  throw unusable(name, value);
}

function hasKind(value: unknown): value is { kind: unknown } {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

export function readNumber(inputs: NodeInputs, name: string): number {
  const value = inputs[name];
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (isNumber(value)) return toDouble(value);
  throw unusable(name, value);
}

export function readText(inputs: NodeInputs, name: string): string {
  const value = inputs[name];
  if (typeof value === 'string') return value;
  throw unusable(name, value);
}

/** Whether the value counts as true; absent counts as false. */
export function readFlag(inputs: NodeInputs, name: string): boolean {
  const value = inputs[name];
  return isNumber(value) ? toDouble(value) !== 0 : Boolean(value);
}

function unusable(name: string, value: unknown): PythonError {
  if (value === undefined) return new PythonError('TypeError', `missing 1 required positional argument: '${name}'`);
  return new PythonError('TypeError', `'${name}' cannot be used: unexpected '${typeName(value)}' object`);
}
