// A node's cache key: its class, its constants, its ancestors' the same, and the fingerprint of files it reads
// (comfy_execution/caching.py:CacheKeySetInputSignature). Node ids play no part, so equal graphs share results.
import { createHash } from 'node:crypto';
import { stringifyJson } from '@comfleet/comfyui';
import type { Graph, GraphNode } from './graph.ts';
import { readLink } from './is-link.pure.ts';

export type FingerprintOf = (node: GraphNode) => Promise<string>;

export async function computeCacheKeys(graph: Graph, fingerprintOf: FingerprintOf): Promise<Map<string, string>> {
  const own = new Map<string, string>();
  for (const node of graph.values()) own.set(node.id, await fingerprintOf(node));
  const keys = new Map<string, string>();
  for (const node of graph.values()) keys.set(node.id, keyOf(graph, node, own));
  return keys;
}

function keyOf(graph: Graph, node: GraphNode, fingerprints: Map<string, string>): string {
  const ancestors: string[] = [];
  collectAncestors(graph, node, ancestors);
  const order = new Map(ancestors.map((id, index) => [id, index]));
  const hash = createHash('sha1');
  for (const id of [node.id, ...ancestors]) {
    const member = graph.get(id);
    // A missing ancestor makes the key NaN in python, which equals nothing: such a node is never cached.
    hash.update(member ? signature(member, order, fingerprints) : `missing ${Math.random()}`);
  }
  return hash.digest('base64');
}

function collectAncestors(graph: Graph, node: GraphNode, ancestors: string[]): void {
  const seen = new Set<string>(ancestors);
  const visit = (current: GraphNode) => {
    for (const name of Object.keys(current.inputs).sort()) {
      const link = readLink(current.inputs[name]);
      if (!link || seen.has(link[0])) continue;
      seen.add(link[0]);
      ancestors.push(link[0]);
      const next = graph.get(link[0]);
      if (next) visit(next);
    }
  };
  visit(node);
}

function signature(node: GraphNode, order: Map<string, number>, fingerprints: Map<string, string>): string {
  const parts = [node.classType, fingerprints.get(node.id) ?? ''];
  for (const name of Object.keys(node.inputs).sort()) {
    const value = node.inputs[name];
    const link = readLink(value);
    const text = link ? `ancestor ${order.get(link[0])} ${link[1]}` : `constant ${stringifyJson(value ?? null)}`;
    parts.push(name, text);
  }
  return `${JSON.stringify(parts)}\n`;
}
