// Which inputs of a graph name a file that has to be on the back end before it runs. Called before dispatch.

import { findNodeInfo, type MediaKind, mediaKind, type ObjectInfo } from '../object-info.ts';
import { resolveInputs } from './dynamic-inputs.ts';
import { unwrapValue } from './links.ts';
import type { Graph } from './parse.ts';

export interface MediaInput {
  nodeId: string;
  name: string;
  kind: MediaKind;
  value: string;
}

/** Every media input that holds text: a file name, an URL or a data URI. */
export function listMediaInputs(graph: Graph, info: ObjectInfo): MediaInput[] {
  const found: MediaInput[] = [];
  for (const [nodeId, node] of Object.entries(graph)) {
    const nodeInfo = findNodeInfo(info, node.class_type);
    if (nodeInfo === undefined) continue;
    for (const spec of resolveInputs(nodeInfo, node.inputs).specs) {
      const kind = mediaKind(spec);
      if (kind === undefined || !Object.hasOwn(node.inputs, spec.name)) continue;
      const value = unwrapValue(node.inputs[spec.name] ?? null);
      if (typeof value === 'string') found.push({ nodeId, name: spec.name, kind, value });
    }
  }
  return found;
}
