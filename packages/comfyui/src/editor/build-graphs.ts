// Builds the model of a whole file: definitions from the innermost out, then the root, each with its links placed and
// its instances' promoted values settled. Called by convert.ts.

import { countInputs } from '../graph/dynamic-inputs.ts';
import { findNodeInfo, type ObjectInfo } from '../object-info.ts';
import { type EditorGraph, type EditorNode, type Slot, widgetNamed } from './graph-model.ts';
import { applyStoredValues } from './host-values.ts';
import { makeNode } from './node-model.ts';
import { attachLinks, dropCompetitors, removeSlots } from './place-links.ts';
import { applyProxyWidgets } from './proxy-widgets.ts';
import { listOf, own } from './raw-values.ts';
import { INPUT_NODE, type RawBoundary, type RawFile, type RawGraph, type RawLink, type RawNode } from './read-file.ts';
import { type Report, refuse } from './report.ts';

export interface Model {
  readonly root: EditorGraph;
  /** Every graph, the root last. */
  readonly graphs: readonly EditorGraph[];
}

/** Undefined when a definition contains itself. */
export function buildGraphs(file: RawFile, info: ObjectInfo, report: Report): Model | undefined {
  const order = sortInnermostFirst(file, report);
  if (order === undefined || !isAffordable(file, info, report)) return undefined;
  const definitions = new Map<string, EditorGraph>();
  for (const raw of order) definitions.set(raw.id, buildGraph(raw, { info, definitions }));
  const root = buildGraph(file.root, { info, definitions });
  return { root, graphs: [...definitions.values(), root] };
}

function buildGraph(
  raw: RawGraph,
  known: { info: ObjectInfo; definitions: ReadonlyMap<string, EditorGraph> },
): EditorGraph {
  const nodes = raw.nodes.map((node) => makeNode(node, known));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const links = dropCompetitors(raw);
  const toOutput = attachLinks(links, byId);
  for (const node of nodes) if (node.kind === 'class') dropStaleWidgetSlots(node);
  const graph: EditorGraph = {
    raw,
    nodes,
    byId,
    inputs: raw.inputs.map(boundarySlot),
    outputs: raw.outputs.map(boundarySlot),
    fromInput: sortFromInput(raw, nodes),
    toOutput,
    instances: [],
  };
  for (const node of nodes) {
    if (node.definition === undefined) continue;
    node.definition.instances.push(node);
    applyStoredValues(node);
  }
  for (const node of nodes) if (node.definition !== undefined) applyProxyWidgets(node, node.definition);
  return graph;
}

/** Every instance has every input of its definition: a small file can ask for very many. */
function isAffordable({ root, definitions }: RawFile, info: ObjectInfo, report: Report): boolean {
  let cost = 0;
  for (const { nodes } of [root, ...definitions.values()]) {
    for (const { type, properties } of nodes) {
      const definition = definitions.get(type);
      const nodeInfo = definition === undefined ? findNodeInfo(info, type) : undefined;
      if (nodeInfo !== undefined) cost += countInputs(nodeInfo) * COST_OF_INPUT;
      if (definition === undefined) continue;
      const proxies = listOf(own(properties, 'proxyWidgets')).length;
      const size = definition.inputs.length + proxies;
      cost += size + definition.links.length + proxies * (size + definition.nodes.length + definition.links.length);
    }
  }
  if (cost <= MAX_COST) return true;
  const msg =
    'The nodes or subgraphs of this workflow have too many inputs, for the number of places where they stand.';
  refuse(report, ['definitions', 'subgraphs'], 'too_many_inputs', msg);
  return false;
}

const MAX_COST = 20_000_000;
const COST_OF_INPUT = 100;

function boundarySlot({ name, label, type }: RawBoundary): Slot {
  return { name, label, type, widget: undefined };
}

/** A widget's slot goes when the class no longer has the widget, and its link with it. */
function dropStaleWidgetSlots(node: EditorNode) {
  const stale = new Set<number>();
  for (const [slot, { widget }] of node.inputs.entries()) {
    if (widget !== undefined && widgetNamed(node, widget) === undefined) stale.add(slot);
  }
  if (stale.size > 0) removeSlots(node, (slot) => stale.has(slot));
}

/** The first link of a boundary input decides what a promoted widget starts with; the file lists their order. */
function sortFromInput(raw: RawGraph, nodes: readonly EditorNode[]): Map<number, RawLink[]> {
  const fromInput = new Map<number, RawLink[]>();
  for (const node of nodes) {
    for (const [slot, link] of node.incoming) {
      if (link.originId !== INPUT_NODE) continue;
      const entry = { ...link, targetSlot: slot };
      const links = fromInput.get(link.originSlot);
      if (links === undefined) fromInput.set(link.originSlot, [entry]);
      else links.push(entry);
    }
  }
  for (const [slot, links] of fromInput) {
    const rank = new Map(raw.inputs[slot]?.linkIds.map((id, index) => [id, index]));
    links.sort((a, b) => (rank.get(a.id) ?? rank.size) - (rank.get(b.id) ?? rank.size));
  }
  return fromInput;
}

/** Without recursion: a file may nest its definitions as deep as it is long. */
function sortInnermostFirst({ definitions }: RawFile, report: Report): RawGraph[] | undefined {
  const done = new Set<RawGraph>();
  const open = new Set<RawGraph>();
  const stack: RawGraph[] = [...definitions.values()].reverse();
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    if (done.has(top) || open.has(top)) {
      stack.pop();
      done.add(top);
      continue;
    }
    open.add(top);
    const pending = listInner(top, definitions).filter(({ inner }) => !done.has(inner));
    const own = pending.find(({ inner }) => open.has(inner));
    if (own !== undefined) return refuseRecursion(report, { ...own, outer: top });
    for (const { inner } of pending) stack.push(inner);
  }
  return [...done];
}

function listInner(graph: RawGraph, definitions: RawFile['definitions']): { node: RawNode; inner: RawGraph }[] {
  return graph.nodes.flatMap((node) => {
    const inner = definitions.get(node.type);
    return inner === undefined ? [] : [{ node, inner }];
  });
}

function refuseRecursion(report: Report, at: { node: RawNode; inner: RawGraph; outer: RawGraph }): undefined {
  const { node, inner, outer } = at;
  const msg = `The subgraph "${inner.name}" contains itself, by node ${node.id} of "${outer.name}". Take that node out.`;
  refuse(report, node.place, 'subgraph_recursion', msg);
}
