// The values of an instance's promoted widgets: what the instance stores, over what the widget inside holds. Called by
// build-graphs.ts and proxy-widgets.ts.

import { isJsonObject, type JsonValue } from '../json.ts';
import { type EditorGraph, type EditorNode, widgetNamed } from './graph-model.ts';
import { idOf, listOf, own, textOf } from './raw-values.ts';

/** What stands behind a boundary input: an inner node's widget, or the promoted widget of an inner instance. */
export interface Promoted {
  readonly node: EditorNode;
  /** The widget's name, or the name of the inner instance's input. */
  readonly name: string;
  readonly value: JsonValue;
}

export function findPromoted(graph: EditorGraph, slot: number): Promoted | undefined {
  for (const { targetId, targetSlot } of graph.fromInput.get(slot) ?? []) {
    const node = graph.byId.get(targetId);
    const input = node?.inputs[targetSlot];
    if (node === undefined || input === undefined) continue;
    if (node.kind === 'instance') {
      const host = node.host.get(targetSlot);
      if (host !== undefined) return { node, name: input.name, value: host.value };
    } else {
      const widget = widgetNamed(node, input.widget);
      if (widget !== undefined) return { node, name: widget.name, value: widget.value };
    }
  }
  return undefined;
}

/** Positional over the promoted inputs, in the definition's order. */
export function applyStoredValues(instance: EditorNode) {
  const { definition, host, raw } = instance;
  if (definition === undefined) return;
  const stored = listOf(raw.values);
  const kept = readKeptValues(instance);
  let position = 0;
  for (const [slot, { name }] of definition.inputs.entries()) {
    const promoted = findPromoted(definition, slot);
    if (promoted === undefined) continue;
    host.set(slot, { value: promoted.value });
    setHostValue(instance, slot, kept.get(name) ?? stored[position]);
    position += 1;
  }
}

/** A null stands where the editor had nothing to store: the widget inside keeps its value. */
export function setHostValue(instance: EditorNode, slot: number, value: JsonValue | undefined) {
  if (value !== undefined && value !== null && instance.host.has(slot)) instance.host.set(slot, { value });
}

/** Values that the editor could not place on an earlier load, kept by the name of the instance's input. */
function readKeptValues({ raw }: EditorNode): Map<string, JsonValue> {
  const kept = new Map<string, JsonValue>();
  for (const entry of listOf(own(raw.properties, 'proxyWidgetErrorQuarantine'))) {
    if (!isJsonObject(entry)) continue;
    const [sourceId, name] = listOf(own(entry, 'originalEntry'));
    const value = own(entry, 'hostValue');
    const key = textOf(name);
    if (idOf(sourceId) === '-1' && key !== undefined && value !== undefined && !kept.has(key)) kept.set(key, value);
  }
  return kept;
}
