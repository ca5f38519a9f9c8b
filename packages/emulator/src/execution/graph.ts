// The graph as the executor sees it. Reading it raises WorkerDeath where ComfyUI's preparation code, which nothing
// guards, would end the worker thread. Used by cache-keys.ts, execution-list.ts and run-graph.ts.
import type { JsonObject } from '@comfleet/comfyui';
import { isJsonObject } from '../json-object.pure.ts';

/** Ends the worker for good: HTTP stays up, nothing is ever executed again. */
export class WorkerDeath extends Error {}

export interface GraphNode {
  id: string;
  classType: string;
  inputs: JsonObject;
}

export type Graph = ReadonlyMap<string, GraphNode>;

export function readGraph(prompt: JsonObject): Graph {
  const graph = new Map<string, GraphNode>();
  for (const [id, node] of Object.entries(prompt)) {
    const inputs = isJsonObject(node) ? node['inputs'] : undefined;
    // Cache keys are built for every node, reachable or not.
    if (!isJsonObject(node) || !isJsonObject(inputs)) throw new WorkerDeath(`node ${id} has no inputs object`);
    graph.set(id, { id, classType: String(node['class_type']), inputs });
  }
  return graph;
}

export function requireNode(graph: Graph, id: string): GraphNode {
  const node = graph.get(id);
  if (!node) throw new WorkerDeath(`NodeNotFoundError: Node ${id} not found`);
  return node;
}
