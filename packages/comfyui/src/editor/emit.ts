// Writes the API graph: every node that runs, subgraphs expanded to compound ids ("5:12"), with its widgets' values and
// what its links lead to. Called by convert.ts.

import { type Graph, type GraphNode, isForbiddenKey } from '../graph/parse.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { isCustomCombo, setChosenIndex } from './custom-combo.ts';
import type { EditorGraph } from './graph-model.ts';
import { describeNode, type EditorNode } from './graph-model.ts';
import { packOf } from './node-pack.ts';
import { resolvePrompt } from './prompt-text.ts';
import { createReport, type Place, type Report, refuse, warn } from './report.ts';
import { createScope, innerScope, resolveInput, type Scope, type Source } from './resolve.ts';
import type { Widget } from './widget-values.ts';

interface Deps {
  readonly report: Report;
  readonly random: () => number;
  readonly fillIn: (text: string) => string;
  readonly maxNodes: number;
}

interface Frame {
  readonly scope: Scope;
  /** Inside a muted or bypassed instance. */
  readonly isOff: boolean;
  at: number;
}

/** The graph, and where each of its nodes stands in the file. */
export interface Emitted {
  readonly graph: Graph;
  readonly places: Map<string, Place>;
}

/** The nodes of a deeply nested file would have ids that are longer than all the rest of them together. */
const MAX_PREFIX = 4_000;
/** Once subgraphs are expanded. */
const MAX_INPUTS = 200_000;

export function emitGraph(root: EditorGraph, deps: Deps): Emitted {
  const emitted: Emitted = { graph: {}, places: new Map() };
  let count = 0;
  let inputs = 0;
  const stack: Frame[] = [{ scope: createScope(root), isOff: false, at: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const node = top.scope.graph.nodes[top.at];
    top.at += 1;
    if (node === undefined) {
      stack.pop();
      continue;
    }
    const inside = enter(node, top);
    if (inside !== undefined && inside.scope.prefix.length > MAX_PREFIX) {
      const msg = `The subgraphs of the workflow nest too deep: the ids of their nodes have more than ${MAX_PREFIX} characters.`;
      refuse(deps.report, node.raw.place, 'nested_too_deep', msg);
      return emitted;
    }
    if (inside !== undefined) stack.push(inside);
    else if (!isOff(node)) emitOne(emitted, { node, frame: top }, deps);
    // Instances count too: nested definitions can multiply without a single node.
    count += 1;
    inputs += node.widgets.length + node.inputs.length;
    if (inputs > MAX_INPUTS) {
      refuse(deps.report, ['nodes'], 'too_many_inputs', `The nodes have more than ${MAX_INPUTS} inputs in all.`);
      return emitted;
    }
    if (count > deps.maxNodes) {
      const msg = `The workflow has more than ${deps.maxNodes} nodes once its subgraphs are expanded.`;
      refuse(deps.report, ['nodes'], 'too_many_nodes', msg);
      return emitted;
    }
  }
  return emitted;
}

function isOff({ raw }: EditorNode): boolean {
  return raw.mode === 2 || raw.mode === 4;
}

/**
 * The inside of an instance. Of one that is muted or bypassed the editor writes nothing at the root, but within another
 * subgraph still the nodes, to which nothing leads.
 */
function enter(node: EditorNode, { scope, isOff: isOffAround }: Frame): Frame | undefined {
  if (node.definition === undefined || (isOff(node) && scope.outer === undefined)) return undefined;
  return { scope: innerScope(scope, node, node.definition), isOff: isOffAround || isOff(node), at: 0 };
}

function emitOne(emitted: Emitted, { node, frame }: { node: EditorNode; frame: Frame }, deps: Deps) {
  // What would run for its own sake in there must not, and what is unknown there does no harm.
  if (frame.isOff) {
    if (node.kind === 'class' && !node.isOutput)
      emitNode(emitted, { scope: frame.scope, node }, { ...deps, report: createReport() });
  } else if (node.kind === 'class') emitNode(emitted, { scope: frame.scope, node }, deps);
  else if (node.kind === 'unknown') refuseUnknown(node, deps.report);
}

interface At {
  readonly scope: Scope;
  readonly node: EditorNode;
}

function emitNode(emitted: Emitted, at: At, deps: Deps) {
  const { node, scope } = at;
  const id = `${scope.prefix}${node.id}`;
  if (!isFreeId(emitted.graph, id, { node, report: deps.report })) return;
  const inputs: JsonObject = {};
  for (const widget of node.widgets) {
    if (widget.spec.isSent) setInput(inputs, widget.name, sentValue(widget, node, deps));
    if (widget.spec.needsBrowser) warnOfBrowser(widget, node, deps.report);
  }
  for (const [slot, input] of node.inputs.entries()) {
    const value = linkedValue(resolveInput(scope, node, slot), { at, slot, report: deps.report });
    if (value !== undefined) setInput(inputs, input.name, value);
  }
  if (isCustomCombo(node.raw)) setChosenIndex(inputs, node.widgets);
  const made: GraphNode = { class_type: node.raw.type, inputs, _meta: { title: node.title, ...packOf(node.raw) } };
  emitted.graph[id] = made;
  emitted.places.set(id, node.raw.place);
}

function isFreeId(graph: Graph, id: string, { node, report }: { node: EditorNode; report: Report }): boolean {
  const place = [...node.raw.place, 'id'];
  if (isForbiddenKey(id)) refuse(report, place, 'forbidden_name', `'${id}' cannot be the id of a node.`);
  else if (Object.hasOwn(graph, id)) {
    const msg = `Two nodes have the id ${id} once subgraphs are expanded. Give ${describeNode(node)} another id.`;
    refuse(report, place, 'duplicate_id', msg);
  } else return true;
  return false;
}

function setInput(inputs: JsonObject, name: string, value: JsonValue) {
  if (!isForbiddenKey(name)) inputs[name] = value;
}

function sentValue({ spec, value }: Widget, node: EditorNode, { random, fillIn }: Deps): JsonValue {
  if (spec.isCurve && value !== null) return { __type__: 'CURVE', __value__: value };
  if (typeof value !== 'string') return wrapList(value);
  if (spec.text === 'prompt') return resolvePrompt(value, random);
  if (spec.text === 'file-name') return fillIn(value);
  return spec.name === 'sampler_name' && value.startsWith('sample_') && node.raw.type.startsWith('KSampler')
    ? value.slice('sample_'.length)
    : value;
}

/** A list would be read as a link. */
function wrapList(value: JsonValue): JsonValue {
  return Array.isArray(value) ? { __value__: value } : value;
}

function linkedValue(source: Source, { at, slot, report }: { at: At; slot: number; report: Report }) {
  const { node } = at;
  switch (source.kind) {
    case 'nothing':
      return undefined;
    case 'value':
      return wrapList(source.value);
    case 'node':
      return [source.id, source.slot];
    case 'loop': {
      const msg = `The links into "${node.inputs[slot]?.name}" of ${describeNode(node)} lead in a circle through reroutes, bypassed nodes or subgraphs. Take one of them out.`;
      refuse(report, node.raw.place, 'link_loop', msg);
      return undefined;
    }
    case 'nowhere': {
      const { link } = source;
      const msg = `The link into "${node.inputs[slot]?.name}" of ${describeNode(node)} comes from node ${link.originId}, which does not exist. Connect the input anew and save the workflow again.`;
      refuse(report, link.place, 'link_to_nowhere', msg);
      return undefined;
    }
  }
}

function warnOfBrowser(widget: Widget, node: EditorNode, report: Report) {
  const msg = `"${widget.name}" of ${describeNode(node)} is made by the browser when the workflow is queued; the stored value is used. Set it with an override.`;
  warn(report, node.raw.place, 'made_by_browser', msg);
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function refuseUnknown(node: EditorNode, report: Report) {
  const { type, place } = node.raw;
  if (UUID.test(type)) {
    const msg = `${describeNode(node)} is a subgraph whose definition is not in the file. Save the workflow again in the editor where it was made.`;
    refuse(report, [...place, 'type'], 'subgraph_without_definition', msg);
    return;
  }
  const msg = /^workflow[>/]/.test(type)
    ? `${describeNode(node)} is a group node whose definition is not in the file (extra.groupNodes). Save the workflow again in the editor where it was made.`
    : `${describeNode(node)}: object_info does not list the class ${type.slice(0, 100)}, so its widgets are not known. Send the object_info of a ComfyUI that has it installed, or mute the node.`;
  refuse(report, [...place, 'type'], 'unknown_class', msg);
}
