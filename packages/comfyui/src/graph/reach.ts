// Which nodes a graph's outputs need, and whether following links ever comes back. ComfyUI judges only what output
// nodes reach through declared inputs; its executor also follows links in undeclared ones. Called by validate and prune.

import { findNodeInfo, type ObjectInfo } from '../object-info.ts';
import { linkedNode } from './links.ts';
import type { Graph } from './parse.ts';

export function listOutputNodes(graph: Graph, info: ObjectInfo): string[] {
  return Object.keys(graph).filter((nodeId) => {
    const classType = graph[nodeId]?.class_type;
    return classType !== undefined && findNodeInfo(info, classType)?.output_node === true;
  });
}

/** Existing nodes that the node's inputs link to, declared or not. */
export function listSources(graph: Graph, nodeId: string): string[] {
  const sources: string[] = [];
  for (const value of Object.values(graph[nodeId]?.inputs ?? {})) {
    const source = linkedNode(value);
    if (source !== undefined && Object.hasOwn(graph, source)) sources.push(source);
  }
  return sources;
}

/** The roots and everything they lead to. */
export function reachFrom(roots: readonly string[], sourcesOf: (nodeId: string) => readonly string[]): Set<string> {
  const reached = new Set(roots);
  for (const nodeId of reached) for (const source of sourcesOf(nodeId)) reached.add(source);
  return reached;
}

export interface Walk {
  /** Each found cycle as its node ids, in the direction of the links. */
  cycles: string[][];
  /** Nodes on the longest chain of links. */
  depth: number;
}

/** Walks the links of `nodeIds` depth first, without recursion: a chain may be as long as the graph. */
export function walkLinks(nodeIds: Iterable<string>, sourcesOf: (nodeId: string) => readonly string[]): Walk {
  const depths = new Map<string, number>();
  const cycles: string[][] = [];
  for (const root of nodeIds) {
    if (depths.has(root)) continue;
    const path: { nodeId: string; sources: readonly string[]; next: number; depth: number }[] = [];
    const onPath = new Map<string, number>();
    const enter = (nodeId: string): void => {
      onPath.set(nodeId, path.length);
      path.push({ nodeId, sources: sourcesOf(nodeId), next: 0, depth: 1 });
    };
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const source = top.sources[top.next++];
      if (source === undefined) {
        path.pop();
        onPath.delete(top.nodeId);
        depths.set(top.nodeId, top.depth);
        const parent = path.at(-1);
        if (parent !== undefined) parent.depth = Math.max(parent.depth, top.depth + 1);
        continue;
      }
      const start = onPath.get(source);
      if (start !== undefined) cycles.push(path.slice(start).map(({ nodeId }) => nodeId));
      else if (!depths.has(source)) enter(source);
      else top.depth = Math.max(top.depth, (depths.get(source) ?? 0) + 1);
    }
  }
  return { cycles, depth: Math.max(0, ...depths.values()) };
}
