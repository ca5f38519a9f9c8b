// A graph of the editor in memory: nodes with their slots, widgets and incoming links, as resolve.ts walks it. Built by
// node-model.ts and build-graphs.ts, changed by proxy-widgets.ts and use-everywhere.ts.

import type { JsonValue } from '../json.ts';
import type { RawGraph, RawLink, RawNode } from './read-file.ts';
import type { Widget } from './widget-values.ts';

export interface Slot {
  readonly name: string;
  readonly label: string | undefined;
  readonly type: string;
  /** The widget that a link to this slot replaces. */
  readonly widget: string | undefined;
}

export interface EditorNode {
  readonly id: string;
  readonly raw: RawNode;
  /** `virtual` nodes exist in the editor only; `unknown` has a class that object_info does not list. */
  readonly kind: 'class' | 'instance' | 'reroute' | 'primitive' | 'virtual' | 'unknown';
  readonly title: string;
  /** Runs for its own sake. */
  readonly isOutput: boolean;
  inputs: Slot[];
  readonly outputs: readonly string[];
  readonly widgets: readonly Widget[];
  /** By input slot. */
  readonly incoming: Map<number, RawLink>;
  /** Of an instance: its definition. */
  readonly definition: EditorGraph | undefined;
  /** Of an instance: the values of its promoted widgets by input slot. */
  readonly host: Map<number, { value: JsonValue }>;
}

export interface EditorGraph {
  readonly raw: RawGraph;
  readonly nodes: EditorNode[];
  readonly byId: Map<string, EditorNode>;
  /** Of a definition: the slots of its boundary. */
  readonly inputs: Slot[];
  readonly outputs: readonly Slot[];
  /** Links that leave a boundary input, by slot, the first one first. */
  readonly fromInput: Map<number, RawLink[]>;
  readonly toOutput: Map<number, RawLink>;
  /** All places where it stands as a node. */
  readonly instances: EditorNode[];
}

/** The nodes that a node's output feeds, in the order of the file's links. */
export type Outgoing = ReadonlyMap<string, readonly RawLink[]>;

export function listOutgoing(graph: EditorGraph): Outgoing {
  const outgoing = new Map<string, RawLink[]>();
  for (const node of graph.nodes) {
    for (const [slot, link] of node.incoming) {
      const entry = link.targetSlot === slot ? link : { ...link, targetSlot: slot };
      const links = outgoing.get(link.originId);
      if (links === undefined) outgoing.set(link.originId, [entry]);
      else links.push(entry);
    }
  }
  return outgoing;
}

export function widgetNamed(node: EditorNode, name: string | undefined): Widget | undefined {
  return name === undefined ? undefined : node.widgets.find((widget) => widget.name === name);
}

/** "node 7 (Sampler, KSampler)", for messages. */
export function describeNode(node: Pick<EditorNode, 'id' | 'raw' | 'title'>): string {
  const { type } = node.raw;
  return `node ${node.id} (${node.title === type ? type : `"${node.title}", ${type}`})`;
}
