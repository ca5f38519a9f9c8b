// How a group node's own slots and values correspond to those of the nodes inside it: the editor lists them node by
// node, widgets first, what is linked inside left out. Called by group-nodes.ts.

import type { JsonObject, JsonValue } from '../json.ts';
import { findNodeInfo, type InputSpec, type ObjectInfo, readInput } from '../object-info.ts';
import { classSpec } from './class-spec.ts';
import { listOf, objectOf, own, slotIndexOf, textOf } from './raw-values.ts';
import type { RawNode } from './read-file.ts';
import { isWidget, makeWidgets } from './widget-spec.ts';
import { makeWidget } from './widget-values.ts';

export interface GroupLayout {
  /** By inner node: the group's values for its widgets. */
  readonly values: readonly Map<string, JsonValue>[];
  /** The group's input slots, and where they lead. `target` counts the inner node's inputs as its file has them. */
  readonly inputs: readonly { slot: number; index: number; target: number }[];
  readonly outputs: readonly { index: number; slot: number }[];
}

interface Group {
  readonly group: RawNode;
  readonly definition: JsonObject;
  readonly nodes: readonly RawNode[];
}

/** One entry of the group node's input list. */
interface Entry {
  readonly name: string;
  readonly index: number;
  readonly inner: string;
  readonly spec: InputSpec;
}

interface Layout extends Group {
  readonly linked: ReadonlySet<string>;
  readonly feeding: ReadonlySet<string>;
  readonly seen: Map<string, number>;
  readonly widgets: Map<string, Entry>;
  readonly sockets: Entry[];
  readonly outputs: { index: number; slot: number }[];
}

/** Undefined when a class inside is not known. */
export function layOutGroup(given: Group, info: ObjectInfo): GroupLayout | undefined {
  const layout: Layout = {
    ...given,
    ...readInnerLinks(given.definition),
    seen: new Map(),
    widgets: new Map(),
    sockets: [],
    outputs: [],
  };
  const converted: (() => void)[] = [];
  for (const [index, node] of given.nodes.entries()) {
    const declared = declaredInputs(node, { index, layout, info });
    if (declared === undefined) return undefined;
    addInputs(declared.inputs, { index, node, layout, converted });
    addOutputs(declared.outputCount, index, layout);
  }
  for (const add of converted) add();
  return { values: readValues(layout), inputs: placeInputs(layout), outputs: layout.outputs };
}

function readInnerLinks(definition: JsonObject): Pick<Layout, 'linked' | 'feeding'> {
  const linked = new Set<string>();
  const feeding = new Set<string>();
  for (const row of listOf(own(definition, 'links'))) {
    const [from, originSlot, to, targetSlot] = listOf(row).map(slotIndexOf);
    if (from === undefined) continue;
    linked.add(`${to}.${targetSlot}`);
    feeding.add(`${from}.${originSlot}`);
  }
  // Linked inside, and shown on the group node as well.
  for (const entry of listOf(own(definition, 'external'))) {
    const [index, slot] = listOf(entry).map(slotIndexOf);
    feeding.delete(`${index}.${slot}`);
  }
  return { linked, feeding };
}

interface Declared {
  readonly inputs: readonly InputSpec[];
  readonly outputCount: number;
}

function declaredInputs(node: RawNode, at: { index: number; layout: Layout; info: ObjectInfo }): Declared | undefined {
  const info = findNodeInfo(at.info, node.type);
  if (info !== undefined) {
    const { declared, outputs } = classSpec(node.type, info);
    return { inputs: declared, outputCount: outputs.length };
  }
  const feeds = at.layout.feeding.has(`${at.index}.0`);
  if (node.type === 'PrimitiveNode') {
    const type = node.outputs?.[0]?.type ?? '*';
    return feeds ? { inputs: [readInput('value', 'required', [type, {}])], outputCount: 1 } : NONE;
  }
  if (node.type === 'Reroute') {
    if (feeds && at.layout.linked.has(`${at.index}.0`)) return NONE;
    return { inputs: [readInput('', 'required', ['*', { forceInput: true }])], outputCount: 1 };
  }
  return node.type === 'Note' || node.type === 'MarkdownNote' ? NONE : undefined;
}

const NONE: Declared = { inputs: [], outputCount: 0 };

interface Adding {
  readonly index: number;
  readonly node: RawNode;
  readonly layout: Layout;
  readonly converted: (() => void)[];
}

function addInputs(inputs: readonly InputSpec[], at: Adding) {
  const { index, layout } = at;
  const slots = firstByName(at.node.inputs ?? []);
  for (const spec of inputs.filter(isWidget)) {
    const slot = slots.get(spec.name);
    if (slot === undefined || at.node.inputs?.[slot]?.widget !== spec.name) addWidget(spec, at);
    // A widget turned into an input comes after all others.
    else if (!layout.linked.has(`${index}.${slot}`)) at.converted.push(() => addWidget(spec, at));
  }
  const sockets = inputs.filter((spec) => !isWidget(spec));
  for (const [position, spec] of sockets.entries()) {
    if (layout.linked.has(`${index}.${slots.get(spec.name) ?? position}`)) continue;
    const name = outerName(spec.name, at);
    if (customInput(layout, index, spec.name).isHidden) continue;
    layout.sockets.push({ name, index, inner: spec.name, spec });
  }
}

function firstByName(slots: readonly { name: string }[]): Map<string, number> {
  const first = new Map<string, number>();
  for (const [index, { name }] of slots.entries()) if (!first.has(name)) first.set(name, index);
  return first;
}

function addWidget(spec: InputSpec, at: Adding) {
  const name = outerName(spec.name, at);
  at.layout.widgets.set(name, { name, index: at.index, inner: spec.name, spec });
}

function customInput(layout: Layout, index: number, name: string): { name: string | undefined; isHidden: boolean } {
  const config = objectOf(own(objectOf(own(layout.definition, 'config')), String(index)));
  const custom = objectOf(own(objectOf(own(config, 'input')), name));
  return { name: textOf(own(custom, 'name')), isHidden: own(custom, 'visible') === false };
}

function outerName(inner: string, { node, index, layout }: Adding): string {
  const label = node.inputs?.find(({ name }) => name === inner)?.label;
  let name = customInput(layout, index, inner).name ?? label ?? inner;
  let key = name;
  if ((node.type === 'PrimitiveNode' && node.title) || layout.seen.has(name)) {
    const prefix = `${node.title ?? node.type} `;
    name = `${prefix}${inner}`;
    key = name;
    if (layout.seen.has(name)) name = `${prefix}${layout.seen.get(name)} ${inner}`;
  }
  layout.seen.set(key, (layout.seen.get(key) ?? 1) + 1);
  return name;
}

function addOutputs(count: number, index: number, layout: Layout) {
  const config = objectOf(own(objectOf(own(layout.definition, 'config')), String(index)));
  for (let slot = 0; slot < count; slot += 1) {
    const custom = objectOf(own(objectOf(own(config, 'output')), String(slot)));
    const isVisible = own(custom, 'visible') ?? !layout.feeding.has(`${index}.${slot}`);
    if (isVisible !== false) layout.outputs.push({ index, slot });
  }
}

function readValues({ nodes, widgets, group }: Layout): Map<string, JsonValue>[] {
  const values = nodes.map(() => new Map<string, JsonValue>());
  const stored = listOf(group.values);
  let position = 0;
  for (const { index, inner, spec } of widgets.values()) {
    const made = makeWidgets(spec, { isFileName: false });
    const [widget] = made;
    // What the group does not store has its class's default, whatever the node inside holds.
    if (widget !== undefined) values[index]?.set(inner, makeWidget(widget, stored[position]).value);
    position += made.filter(({ isStored }) => isStored).length;
  }
  return values;
}

/** The group's slots by the names in its file; without any, in the order of its sockets. */
function placeInputs({ nodes, widgets, sockets, group }: Layout): GroupLayout['inputs'] {
  const slots = firstByName(group.inputs ?? []);
  const inner = nodes.map(({ inputs }) => firstByName(inputs ?? []));
  return [...sockets, ...widgets.values()].flatMap((entry, position) => {
    const slot = slots.get(entry.name) ?? (slots.size === 0 ? position : undefined);
    const target = inner[entry.index]?.get(entry.inner);
    return slot === undefined || target === undefined ? [] : [{ slot, index: entry.index, target }];
  });
}
