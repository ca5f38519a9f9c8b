// Makes one node of the model: its kind, its slots as today's class has them, its widgets with the stored values.
// Called by build-graphs.ts.

import { findNodeInfo, type ObjectInfo } from '../object-info.ts';
import { type ClassSpec, classSpec } from './class-spec.ts';
import { isCustomCombo, optionWidgets } from './custom-combo.ts';
import type { EditorGraph, EditorNode, Slot } from './graph-model.ts';
import type { RawNode, RawSlot } from './read-file.ts';
import { placeValues, type Widget } from './widget-values.ts';

/** Nodes that exist in the editor only and take no part in a run. */
const EDITOR_ONLY: ReadonlySet<string> = new Set(['Note', 'MarkdownNote', 'Label (rgthree)', 'Bookmark (rgthree)']);
const SWITCHBOARDS = /^Fast (?:Groups |Actions |)?(?:Muter|Bypasser|Button)(?: \(rgthree\))?$/;

interface Known {
  readonly info: ObjectInfo;
  readonly definitions: ReadonlyMap<string, EditorGraph>;
}

export function makeNode(raw: RawNode, known: Known): EditorNode {
  const definition = known.definitions.get(raw.type);
  if (definition !== undefined) return makeInstance(raw, definition);
  const info = findNodeInfo(known.info, raw.type);
  if (info !== undefined) return makeClassNode(raw, classSpec(raw.type, info));
  return makeOther(raw);
}

function makeInstance(raw: RawNode, definition: EditorGraph): EditorNode {
  return {
    ...common(raw, definition.raw.name),
    kind: 'instance',
    // The definition's own list: an input added to it is an input of every instance.
    inputs: definition.inputs,
    outputs: definition.outputs.map(({ type }) => type),
    widgets: [],
    definition,
  };
}

function makeClassNode(raw: RawNode, spec: ClassSpec): EditorNode {
  const widgets = placeValues(spec, raw.values);
  if (isCustomCombo(raw)) widgets.splice(1, widgets.length, ...optionWidgets(raw));
  for (const [name, value] of raw.overlay ?? []) {
    const widget = widgets.find((candidate) => candidate.name === name);
    if (widget !== undefined) widget.value = value;
  }
  return {
    ...common(raw, spec.title),
    kind: 'class',
    isOutput: spec.isOutput,
    inputs: listSlots(raw, spec, widgets),
    outputs: mergeOutputs(spec.outputs, raw.outputs),
    widgets,
    definition: undefined,
  };
}

function common(raw: RawNode, classTitle: string) {
  return { id: raw.id, raw, title: raw.title || classTitle, isOutput: false, incoming: new Map(), host: new Map() };
}

/** The class's sockets, then its widgets' slots, then what the file has beyond them. */
function listSlots(raw: RawNode, spec: ClassSpec, widgets: readonly Widget[]): Slot[] {
  const labels = new Map((raw.inputs ?? []).map(({ name, label }) => [name, label]));
  const slots: Slot[] = spec.sockets.map(({ name, type }) => ({
    name,
    type,
    label: labels.get(name),
    widget: undefined,
  }));
  for (const { name, spec: widget } of widgets) {
    if (widget.slotType === undefined) continue;
    slots.push({ name, type: widget.slotType, label: labels.get(name), widget: name });
  }
  const names = new Set(slots.map(({ name }) => name));
  for (const slot of raw.inputs ?? []) if (!names.has(slot.name)) slots.push(extraSlot(slot, spec));
  return slots;
}

function extraSlot({ name, label, type, widget }: RawSlot, spec: ClassSpec): Slot {
  const isGrown = spec.growing.some((group) => name.startsWith(`${group}.`));
  return { name, label, type, widget: isGrown ? undefined : widget };
}

function mergeOutputs(types: readonly string[], stored: readonly RawSlot[] | undefined): string[] {
  return [...types, ...(stored ?? []).slice(types.length).map(({ type }) => type)];
}

function makeOther(raw: RawNode): EditorNode {
  const kind = otherKind(raw.type);
  const inputs = (raw.inputs ?? (kind === 'reroute' ? [ANY_SLOT] : [])).map(({ name, label, type, widget }) => ({
    name,
    label,
    type,
    widget,
  }));
  const outputs = (raw.outputs ?? (kind === 'reroute' ? [ANY_SLOT] : [])).map(({ type }) => type);
  return { ...common(raw, raw.type), kind, inputs, outputs, widgets: [], definition: undefined };
}

const ANY_SLOT: RawSlot = { name: '', label: undefined, type: '*', link: undefined, widget: undefined };

function otherKind(type: string): EditorNode['kind'] {
  if (type === 'Reroute' || type === 'Reroute (rgthree)') return 'reroute';
  if (type === 'PrimitiveNode') return 'primitive';
  // A server without the extension does not miss its nodes: what they send is linked.
  if (/^(?:Anything|Prompts) Everywhere/.test(type)) return 'virtual';
  return EDITOR_ONLY.has(type) || SWITCHBOARDS.test(type) ? 'virtual' : 'unknown';
}
