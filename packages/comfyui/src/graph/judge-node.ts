// Would ComfyUI take this node's inputs? Links, missing inputs and constants, in ComfyUI's words. Called by
// validateGraph for each node that an output needs.

import { type JsonValue, LosslessNumber } from '../json.ts';
import { findNodeInfo, type InputSpec, isCustomNode, type ObjectInfo } from '../object-info.ts';
import { LENIENT_STAR_INPUTS } from './core-validators.ts';
import type { NodeInputs } from './dynamic-inputs.ts';
import { judgeConstant, nonFinite } from './judge-constant.ts';
import { linkedNode, matchTypes } from './links.ts';
import { nearestFor } from './nearest.ts';
import { describeFit, exceptionType, type Findings, inputProblem, type NodeContext } from './node-context.ts';
import type { Graph, GraphNode } from './parse.ts';
import { holdsNonFinite, repr } from './python-value.ts';

export interface NodeCase {
  graph: Graph;
  info: ObjectInfo;
  node: NodeContext;
  inputs: NodeInputs;
  found: Findings;
}

export function judgeNode(at: NodeCase): void {
  const values = at.graph[at.node.nodeId]?.inputs ?? {};
  const declared = new Set<string>();
  for (const spec of at.inputs.specs) {
    declared.add(spec.name);
    const value = Object.hasOwn(values, spec.name) ? values[spec.name] : undefined;
    if (value === undefined) judgeMissing(at, spec);
    else if (Array.isArray(value)) judgeLink(at, spec, value);
    else {
      judgeConstant({ node: at.node, spec, found: at.found }, value);
      judgeTarget(at, spec.name, value);
    }
  }
  for (const [name, value] of Object.entries(values)) if (!declared.has(name)) judgeUndeclared(at, name, value);
  judgeWhole(at);
}

function judgeMissing({ node, found }: NodeCase, spec: InputSpec): void {
  if (spec.category === 'optional') return;
  const isOwn = node.ownJudged.includes(spec.name);
  const why = isOwn
    ? ` (${node.classType}.VALIDATE_INPUTS() missing 1 required positional argument: '${spec.name}')`
    : '';
  const msg = `Required input is missing: ${spec.name}${why}. It takes ${describeFit(spec)}.`;
  found.problems.push(
    inputProblem(node, spec.name, { type: isOwn ? exceptionType(node) : 'required_input_missing', msg }),
  );
}

function judgeLink(at: NodeCase, spec: InputSpec, link: JsonValue[]): void {
  const { node, found } = at;
  if (link.length !== 2) {
    const msg = `Bad linked input, must be a length-2 list of [node_id, slot_index]: ${spec.name} is ${repr(link).slice(0, 80)}. A list that is meant as a value goes into {"__value__": […]}.`;
    found.problems.push(inputProblem(node, spec.name, { type: 'bad_linked_input', msg, input: link }));
    return;
  }
  const [sourceId, slot] = link;
  const source = typeof sourceId === 'string' && Object.hasOwn(at.graph, sourceId) ? at.graph[sourceId] : undefined;
  if (source === undefined) {
    found.problems.push(missingSource(at, spec.name, link));
    return;
  }
  const sourceInfo = findNodeInfo(at.info, source.class_type);
  // An unknown class is reported once, at its own node.
  if (sourceInfo === undefined) return;
  const outputs = Array.isArray(sourceInfo.output) ? sourceInfo.output : undefined;
  const index = readSlot(slot);
  if (outputs !== undefined && typeof index === 'number' && index < outputs.length && index >= -outputs.length) {
    judgeLinkType(at, spec, { link, received: outputs.at(index) });
    return;
  }
  const problem = inputProblem(node, spec.name, slotProblem(at, spec, { link, index, source, outputs }));
  // Some packs give a class a tuple that answers for every index.
  const isUnsure = outputs === undefined || (typeof index === 'number' && isCustomNode(sourceInfo));
  (isUnsure ? found.doubts : found.problems).push(problem);
}

interface SlotFault {
  link: JsonValue[];
  index: number | string;
  source: GraphNode;
  outputs: JsonValue[] | undefined;
}

function slotProblem(
  { node }: NodeCase,
  spec: InputSpec,
  fault: SlotFault,
): { type: string; msg: string; input: JsonValue } {
  const { link, index, source, outputs } = fault;
  const isNumber = typeof index === 'number';
  const why = isNumber ? 'tuple index out of range' : `tuple indices must be integers or slices, not ${index}`;
  const has = outputs === undefined ? '' : ` ${source.class_type} has ${outputs.length} outputs, counted from 0.`;
  const at = `${spec.name} links to output ${repr(link[1] ?? null).slice(0, 80)} of node ${repr(link[0] ?? null)}.`;
  return { type: exceptionType(node), msg: `Exception when validating node: ${why}. ${at}${has}`, input: link };
}

// A python index, or the name of the type that is none.
function readSlot(slot: JsonValue | undefined): number | string {
  if (typeof slot === 'boolean') return slot ? 1 : 0;
  if (typeof slot === 'bigint') return Number(slot);
  if (typeof slot === 'number' && Number.isInteger(slot)) return slot;
  if (typeof slot === 'number' || slot instanceof LosslessNumber) return 'float';
  if (typeof slot === 'string') return 'str';
  if (slot === null || slot === undefined) return 'NoneType';
  return Array.isArray(slot) ? 'list' : 'dict';
}

function judgeLinkType(
  at: NodeCase,
  spec: InputSpec,
  at2: { link: JsonValue[]; received: JsonValue | undefined },
): void {
  const { node, found } = at;
  if (node.judgesTypes || LENIENT_STAR_INPUTS.has(`${node.classType}.${spec.name}`)) return;
  const wanted = spec.isOldCombo ? (spec.options ?? []) : spec.type;
  const match = matchTypes(at2.received, wanted);
  if (match === 'yes') return;
  const received = typeof at2.received === 'string' ? at2.received : repr(at2.received ?? null).slice(0, 200);
  const shown = typeof wanted === 'string' ? wanted : repr([...wanted]).slice(0, 200);
  const msg = `Return type mismatch between linked nodes: ${spec.name}, received_type(${received}) mismatch input_type(${shown}). It takes ${describeFit(spec)}.`;
  const problem = inputProblem(node, spec.name, { type: 'return_type_mismatch', msg, input: at2.link });
  (match === 'maybe' || node.isCustom ? found.doubts : found.problems).push(problem);
}

function missingSource(at: NodeCase, name: string, link: JsonValue[]): Findings['problems'][number] {
  const sourceId = link[0] ?? null;
  const nearest =
    typeof sourceId === 'object'
      ? []
      : nearestFor(at.found.problems.length, String(sourceId), () => Object.keys(at.graph));
  const kind = typeof sourceId === 'string' ? '' : ' Node ids are strings.';
  const hint = nearest.length > 0 ? ` Existing nodes near it: ${nearest.join(', ')}.` : '';
  const msg = `Exception when validating node: ${repr(sourceId)}. ${name} links to node ${repr(sourceId).slice(0, 80)}, which is not in the graph.${kind}${hint}`;
  const problem = { type: exceptionType(at.node), msg, input: link };
  return inputProblem(at.node, name, nearest.length > 0 ? { ...problem, nearest } : problem);
}

// A constant that ComfyUI unwraps in place and then takes for a link: to an absent node it kills the worker thread.
function judgeTarget(at: NodeCase, name: string, value: JsonValue): void {
  const target = linkedNode(value);
  if (target === undefined || Object.hasOwn(at.graph, target)) return;
  const nearest = nearestFor(at.found.problems.length, target, () => Object.keys(at.graph));
  const msg = `${name} holds a link to node ${repr(target).slice(0, 80)}, which is not in the graph; ComfyUI would accept it and then die of it.`;
  const problem = { type: 'unknown_node', msg, input: value };
  at.found.problems.push(inputProblem(at.node, name, nearest.length > 0 ? { ...problem, nearest } : problem));
}

function judgeUndeclared(at: NodeCase, name: string, value: JsonValue): void {
  if (holdsNonFinite(value)) at.found.problems.push(nonFinite(at.node, name, value));
  else judgeTarget(at, name, value);
}

function judgeWhole({ node, inputs, found }: NodeCase): void {
  const loc = [node.nodeId];
  if (node.isCustom) {
    found.doubts.push({
      loc,
      type: 'custom_validation',
      msg: `${node.classType} is a custom node and may judge its inputs itself.`,
    });
  }
  for (const name of inputs.open) {
    found.doubts.push(
      inputProblem(node, name, { type: 'invalid_dynamic_input', msg: `${name} is decided by the back end.` }),
    );
  }
}
