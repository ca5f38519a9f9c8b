// One text that is equal for runs that ComfyUI would serve from its cache, whatever their spelling: sorted keys, no
// `_meta`. Called to recognise identical runs.

import { createHash } from 'node:crypto';
import { isJsonObject, type JsonValue, stringifyJson } from '../json.ts';
import type { Graph, GraphNode } from './parse.ts';

/** SHA-256 (hex) of the graph's canonical form. */
export function fingerprint(graph: Graph): string {
  return joinDigests(Object.entries(graph).map(([nodeId, node]) => [nodeId, nodeDigest(node)]));
}

/** The node's own share, so that a change of one node costs one digest. */
export function nodeDigest(node: GraphNode): string {
  return createHash('sha256')
    .update(`${JSON.stringify(node.class_type)}${canonical(node.inputs)}`)
    .digest('hex');
}

export function joinDigests(digests: (readonly [nodeId: string, digest: string])[]): string {
  const hash = createHash('sha256');
  for (const [nodeId, digest] of digests.sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${JSON.stringify(nodeId)}${digest}`);
  return hash.digest('hex');
}

function canonical(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isJsonObject(value)) return stringifyJson(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`).join(',')}}`;
}
