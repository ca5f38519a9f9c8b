// `properties.proxyWidgets` of older files: widgets shown on an instance without a boundary input of their own, named by
// inner node and widget. Each becomes a boundary input. Called by build-graphs.ts.

import type { JsonValue } from '../json.ts';
import { type EditorGraph, type EditorNode, listOutgoing, type Slot, widgetNamed } from './graph-model.ts';
import { findPromoted, setHostValue } from './host-values.ts';
import { idOf, listOf, own, textOf } from './raw-values.ts';
import { INPUT_NODE } from './read-file.ts';

interface Proxy {
  readonly sourceId: string;
  readonly widget: string;
  /** The node that holds the widget in the end, where several of an inner instance have the same name. */
  readonly holderId: string | undefined;
  readonly value: JsonValue | undefined;
}

export function applyProxyWidgets(instance: EditorNode, definition: EditorGraph) {
  const values = listOf(instance.raw.values);
  const entries = listOf(own(instance.raw.properties, 'proxyWidgets'));
  for (const [index, entry] of entries.entries()) {
    const [source, name, holder] = listOf(entry);
    const sourceId = idOf(source);
    const widget = textOf(name);
    if (sourceId === undefined || widget === undefined) continue;
    apply(instance, definition, { sourceId, widget, holderId: idOf(holder), value: values[index] });
  }
}

function apply(instance: EditorNode, definition: EditorGraph, given: Proxy) {
  if (given.sourceId === '-1') return setByName(instance, definition, given);
  const source = definition.byId.get(given.sourceId);
  if (source === undefined) return;
  const proxy = withoutPrefixes(source, given);
  const slot = findSlot(definition, source, proxy) ?? addInput(definition, source, proxy);
  if (slot !== undefined) setHostValue(instance, slot, proxy.value);
}

/** `-1`: the instance's own input of that name. */
function setByName(instance: EditorNode, definition: EditorGraph, { widget, value }: Proxy) {
  setHostValue(
    instance,
    definition.inputs.findIndex(({ name }) => name === widget),
    value,
  );
}

/** "12: 3: seed": ids of the way down to the widget, written before its name. */
function withoutPrefixes(source: EditorNode, proxy: Proxy): Proxy {
  if (holdsWidget(source, proxy.widget)) return proxy;
  let { widget, holderId } = proxy;
  for (let depth = 0; depth < MAX_PREFIXES; depth += 1) {
    const match = PREFIX.exec(widget);
    if (match === null) break;
    holderId = match[1];
    widget = match[2] ?? '';
  }
  return { ...proxy, widget, holderId };
}

const PREFIX = /^\s*(\d+)\s*:\s*(.+)$/;
/** Each is looked for in all that is left. */
const MAX_PREFIXES = 64;

function holdsWidget(source: EditorNode, widget: string): boolean {
  if (source.definition === undefined) return widgetNamed(source, widget) !== undefined;
  return source.inputs.some(({ name }, slot) => name === widget && source.host.has(slot));
}

function findSlot(definition: EditorGraph, source: EditorNode, { widget }: Proxy): number | undefined {
  for (const slot of definition.inputs.keys()) {
    const promoted = findPromoted(definition, slot);
    if (promoted?.node === source && promoted.name === widget) return slot;
  }
  return undefined;
}

function addInput(definition: EditorGraph, source: EditorNode, proxy: Proxy): number | undefined {
  if (source.kind === 'primitive') return replacePrimitive(definition, source, proxy);
  const target = targetSlot(source, proxy);
  const input = target === undefined ? undefined : source.inputs[target];
  if (target === undefined || input === undefined) return undefined;
  const slot = addBoundary(definition, { ...input, name: proxy.widget, widget: undefined });
  connect(definition, slot, { node: source, slot: target });
  shareInput(definition, slot);
  return slot;
}

function targetSlot(source: EditorNode, { widget, holderId }: Proxy): number | undefined {
  const { definition } = source;
  const found = source.inputs.findIndex(({ name, widget: own }, slot) => {
    if (definition === undefined) return own === widget && widgetNamed(source, widget)?.spec.isStored === true;
    if (!source.host.has(slot)) return false;
    const promoted = findPromoted(definition, slot);
    if (holderId !== undefined) return promoted?.name === widget && promoted.node.id === holderId;
    return name === widget || promoted?.name === widget;
  });
  return found === -1 ? undefined : found;
}

/** A PrimitiveNode that is shown on the instance: the new input feeds what the node fed. */
function replacePrimitive(definition: EditorGraph, source: EditorNode, proxy: Proxy): number | undefined {
  const targets = (listOutgoing(definition).get(source.id) ?? []).filter(({ originSlot }) => originSlot === 0);
  if (targets.length === 0) return undefined;
  const slot = addBoundary(definition, {
    name: proxy.widget,
    label: undefined,
    type: source.outputs[0] ?? '*',
    widget: undefined,
  });
  for (const link of targets) {
    const node = definition.byId.get(link.targetId);
    if (node !== undefined) connect(definition, slot, { node, slot: link.targetSlot });
  }
  shareInput(definition, slot);
  // Without a value of its own the instance has the PrimitiveNode's.
  const value = listOf(source.raw.values)[0];
  for (const instance of definition.instances) setHostValue(instance, slot, value);
  return slot;
}

function addBoundary(definition: EditorGraph, slot: Slot): number {
  definition.inputs.push(slot);
  return definition.inputs.length - 1;
}

function connect(definition: EditorGraph, slot: number, target: { node: EditorNode; slot: number }) {
  const before = target.node.incoming.get(target.slot);
  if (before?.originId === INPUT_NODE) {
    const links = definition.fromInput.get(before.originSlot) ?? [];
    definition.fromInput.set(
      before.originSlot,
      links.filter(({ id }) => id !== before.id),
    );
  }
  const link = {
    id: `${INPUT_NODE}.${slot}.${target.node.id}.${target.slot}`,
    originId: INPUT_NODE,
    originSlot: slot,
    targetId: target.node.id,
    targetSlot: target.slot,
    place: target.node.raw.place,
  };
  target.node.incoming.set(target.slot, link);
  definition.fromInput.set(slot, [...(definition.fromInput.get(slot) ?? []), link]);
}

/** Every instance has the new input, and starts with the value of the widget inside. */
function shareInput(definition: EditorGraph, slot: number) {
  const promoted = findPromoted(definition, slot);
  if (promoted === undefined) return;
  for (const instance of definition.instances) instance.host.set(slot, { value: promoted.value });
}
