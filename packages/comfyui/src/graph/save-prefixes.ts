// Where a graph's save nodes write: their `filename_prefix` literals. Each request puts a folder of its own in front, or
// an identical run would name an earlier run's files. Called before dispatch.

import type { JsonValue } from '../json.ts';
import { unwrapValue } from './links.ts';
import type { Graph } from './parse.ts';
import { str } from './python-value.ts';

export interface SavePrefix {
  nodeId: string;
  name: 'filename_prefix';
  value: string;
}

/** The prefix as ComfyUI would read it, or undefined when it comes by a link. */
export function readSavePrefix(value: JsonValue | undefined): string | undefined {
  const inner = value === undefined ? undefined : unwrapValue(value);
  if (inner === undefined || (typeof inner === 'object' && inner !== null && Array.isArray(inner))) return undefined;
  return str(inner);
}

export function listSavePrefixes(graph: Graph): SavePrefix[] {
  const found: SavePrefix[] = [];
  for (const [nodeId, { inputs }] of Object.entries(graph)) {
    const value = Object.hasOwn(inputs, 'filename_prefix') ? readSavePrefix(inputs['filename_prefix']) : undefined;
    if (value !== undefined) found.push({ nodeId, name: 'filename_prefix', value });
  }
  return found;
}
