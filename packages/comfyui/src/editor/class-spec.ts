// What the editor makes of a node class: its sockets, its widgets in the order in which a file stores their values, and
// its outputs. Compiled once per class of an object_info. Called by node-model.ts and group-nodes.ts.

import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { type InputSpec, type NodeInfo, readInput } from '../object-info.ts';
import { extraInputs, isFileNameNode } from './class-extras.ts';
import { slotTypeOf } from './raw-values.ts';
import { isWidget, makeWidgets, type WidgetSpec } from './widget-spec.ts';

export interface SlotSpec {
  readonly name: string;
  readonly type: string;
}

export interface ClassSpec {
  readonly title: string;
  /** The inputs as the document lists them. */
  readonly declared: readonly InputSpec[];
  readonly sockets: readonly SlotSpec[];
  readonly widgets: readonly WidgetSpec[];
  readonly outputs: readonly string[];
  /** Runs for its own sake: saves or shows something. */
  readonly isOutput: boolean;
  /** Groups of inputs that grow with their links ("images" → "images.image0", …). */
  readonly growing: readonly string[];
  /** For each stored value: does it belong to an input that is only a socket by now? */
  readonly forced: readonly boolean[];
}

const specs = new WeakMap<NodeInfo, ClassSpec>();

export function classSpec(classType: string, info: NodeInfo): ClassSpec {
  const known = specs.get(info);
  if (known !== undefined) return known;
  const spec = compileClass(classType, info);
  specs.set(info, spec);
  return spec;
}

function compileClass(classType: string, info: NodeInfo): ClassSpec {
  const declared = listDeclared(classType, info);
  const inputs = listOrdered(declared, info);
  const widgets: WidgetSpec[] = [];
  const sockets: SlotSpec[] = [];
  const growing: string[] = [];
  for (const input of inputs) {
    if (isWidget(input)) widgets.push(...makeWidgets(input, { isFileName: isFileNameNode(classType) }));
    else if (input.type === 'COMFY_AUTOGROW_V3') growing.push(input.name);
    else sockets.push({ name: input.name, type: socketType(input) });
  }
  const title = info.display_name || info.name || classType;
  const outputs = Array.isArray(info.output) ? info.output.map(outputType) : [];
  const forced = listForced(declared, widgets);
  return { title, declared, sockets, widgets, outputs, isOutput: info.output_node === true, growing, forced };
}

function socketType(input: InputSpec): string {
  if (input.type !== 'COMFY_MATCHTYPE_V3') return input.type;
  const template = input.opts['template'];
  return isJsonObject(template) ? slotTypeOf(template['allowed_types']) : '*';
}

function outputType(type: JsonValue): string {
  return type === 'COMFY_MATCHTYPE_V3' ? '*' : slotTypeOf(type);
}

/** Declared order first (required, then optional), then what the order leaves out. */
function listOrdered(inputs: readonly InputSpec[], info: NodeInfo): InputSpec[] {
  const declared = new Map(inputs.map((input) => [input.name, input]));
  const ordered = new Map<string, InputSpec>();
  for (const category of ['required', 'optional'] as const) {
    const names = info.input_order?.[category];
    for (const name of Array.isArray(names) ? names : []) {
      const input = declared.get(name);
      if (input?.category === category) ordered.set(name, input);
    }
  }
  for (const [name, input] of declared) if (!ordered.has(name)) ordered.set(name, input);
  return [...ordered.values()];
}

/** The class's own inputs in the order of the document, and those that the editor adds. */
function listDeclared(classType: string, info: NodeInfo): InputSpec[] {
  const required: JsonObject = { ...objectEntries(info.input?.required), ...extraInputs(classType, info) };
  const optional = objectEntries(info.input?.optional);
  return [
    ...Object.entries(required).map(([name, entry]) => readInput(name, 'required', entry)),
    ...Object.entries(optional).map(([name, entry]) => readInput(name, 'optional', entry)),
  ];
}

function objectEntries(entries: JsonObject | undefined): JsonObject {
  return isJsonObject(entries) ? entries : {};
}

/**
 * Files from before an input became a socket still hold its value. Which positions these are is only known when the
 * list has exactly this length.
 */
function listForced(declared: readonly InputSpec[], widgets: readonly WidgetSpec[]): boolean[] {
  const byName = new Map(widgets.map((widget) => [widget.name, widget]));
  return declared.flatMap((input) => {
    const isForced = Boolean(input.opts['forceInput']);
    const widget = byName.get(input.name);
    if ((widget === undefined && !isForced) || widget?.isStored === false) return [];
    return input.opts['control_after_generate'] ? [isForced, false] : [isForced];
  });
}
