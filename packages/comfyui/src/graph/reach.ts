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
  /** The first cycles that were found, as their node ids in the direction of the links. */
  cycles: string[][];
  /** Nodes on the longest chain of links. */
  depth: number;
}

interface Step {
  nodeId: string;
  sources: readonly string[];
  next: number;
  depth: number;
}

type SourcesOf = (nodeId: string) => readonly string[];

/** Walks the links of `nodeIds` depth first, without recursion: a chain may be as long as the graph. */
export function walkLinks(nodeIds: Iterable<string>, sourcesOf: SourcesOf): Walk {
  const done = new Map<string, number>();
  const cycles: string[][] = [];
  for (const root of nodeIds) if (!done.has(root)) walkFrom(root, sourcesOf, { done, cycles });
  return { cycles, depth: [...done.values()].reduce((a, b) => Math.max(a, b), 0) };
}

/** A dense graph has as many as it has links, each as long as it has nodes. */
const MAX_CYCLES = 100;

function walkFrom(root: string, sourcesOf: SourcesOf, found: { done: Map<string, number>; cycles: string[][] }): void {
  const path: Step[] = [{ nodeId: root, sources: sourcesOf(root), next: 0, depth: 1 }];
  const onPath = new Map([[root, 0]]);
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const source = top.sources[top.next++];
    if (source === undefined) {
      path.pop();
      onPath.delete(top.nodeId);
      found.done.set(top.nodeId, top.depth);
      deepen(path.at(-1), top.depth);
      continue;
    }
    const start = onPath.get(source);
    const depth = found.done.get(source);
    if (start !== undefined) {
      if (found.cycles.length < MAX_CYCLES) found.cycles.push(path.slice(start).map(({ nodeId }) => nodeId));
    } else if (depth !== undefined) deepen(top, depth);
    else {
      onPath.set(source, path.length);
      path.push({ nodeId: source, sources: sourcesOf(source), next: 0, depth: 1 });
    }
  }
}

function deepen(step: Step | undefined, sourceDepth: number): void {
  if (step !== undefined) step.depth = Math.max(step.depth, sourceDepth + 1);
}
