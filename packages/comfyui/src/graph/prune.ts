// Leaves out what no output needs: ComfyUI does not judge such nodes, yet builds cache keys for them and dies of some.
// Called before a graph is sent.

import type { ObjectInfo } from '../object-info.ts';
import type { Graph } from './parse.ts';
import { listOutputNodes, listSources, reachFrom } from './reach.ts';

/** Only the nodes that output nodes reach, in the graph's own order. */
export function pruneGraph(graph: Graph, info: ObjectInfo): Graph {
  const kept = reachFrom(listOutputNodes(graph, info), (nodeId) => listSources(graph, nodeId));
  return Object.fromEntries(Object.entries(graph).filter(([nodeId]) => kept.has(nodeId)));
}
