// In which order nodes run (comfy_execution/graph.py:ExecutionList): topological, and among the ready ones the next is
// picked so that output nodes come as early as possible. Used by run-graph.ts for one prompt.
import { type Graph, requireNode } from './graph.ts';
import { readLink } from './is-link.pure.ts';

export interface ExecutionList {
  addOutput(nodeId: string): void;
  isEmpty(): boolean;
  /** undefined while nodes are left means that they wait for each other. */
  pick(): string | undefined;
  complete(nodeId: string): void;
  left(): string[];
}

interface ListDeps {
  graph: Graph;
  isCached(nodeId: string): boolean;
  isOutput(nodeId: string): boolean;
}

export function createExecutionList({ graph, isCached, isOutput }: ListDeps): ExecutionList {
  /** Node -> nodes that wait for it. */
  const blocking = new Map<string, Set<string>>();
  const blockCount = new Map<string, number>();

  function add(nodeId: string): void {
    const links: [from: string, to: string][] = [];
    const open = [nodeId];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (blocking.has(id)) continue;
      blocking.set(id, new Set());
      blockCount.set(id, 0);
      for (const value of Object.values(requireNode(graph, id).inputs)) {
        const link = readLink(value);
        if (!link || isCached(link[0])) continue;
        open.push(link[0]);
        links.push([link[0], id]);
      }
    }
    for (const [from, to] of links) addLink(from, to);
  }

  function addLink(from: string, to: string): void {
    const waiting = blocking.get(from);
    if (!waiting || waiting.has(to)) return;
    waiting.add(to);
    blockCount.set(to, (blockCount.get(to) ?? 0) + 1);
  }

  const waitingFor = (nodeId: string) => [...(blocking.get(nodeId) ?? [])];

  return {
    addOutput: add,
    isEmpty: () => blocking.size === 0,
    pick() {
      const ready = [...blocking.keys()].filter((id) => blockCount.get(id) === 0);
      return (
        ready.find(isOutput) ??
        ready.find((id) => waitingFor(id).some(isOutput)) ??
        ready.find((id) => waitingFor(id).some((next) => waitingFor(next).some(isOutput))) ??
        ready[0]
      );
    },
    complete(nodeId) {
      for (const id of waitingFor(nodeId)) blockCount.set(id, (blockCount.get(id) ?? 0) - 1);
      blocking.delete(nodeId);
      blockCount.delete(nodeId);
    },
    left: () => [...blocking.keys()],
  };
}
