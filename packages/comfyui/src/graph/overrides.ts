// Merges a request's overrides into a graph: `{ nodeId: { inputs: { name: value } } }`, refusing names that do not
// exist. Called once per request that overrides more than compiled literals.

import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { findNodeInfo, type InputSpec, listInputs, type NodeInfo, type ObjectInfo } from '../object-info.ts';
import { isDynamicType, resolveInputs } from './dynamic-inputs.ts';
import { nearestFor } from './nearest.ts';
import { type Graph, type GraphNode, isForbiddenKey } from './parse.ts';
import { type Problem, showInput } from './problem.ts';
import { repr } from './python-value.ts';

export interface Touched {
  nodeId: string;
  name: string;
}

const LITERAL_TYPES: ReadonlySet<string> = new Set(['INT', 'FLOAT', 'STRING', 'BOOLEAN', 'COMBO', '*', '']);
const IGNORED_NODE_KEYS: ReadonlySet<string> = new Set(['inputs', '_meta']);

// What some class puts out can only be linked, unless it is one of the literal types; any other type is a widget's.
const outputTypesOfInfo = new WeakMap<ObjectInfo, ReadonlySet<string>>();

interface Merge {
  graph: Graph;
  info: ObjectInfo;
  problems: Problem[];
  touched: Touched[];
}

interface Merged {
  graph: Graph;
  touched: Touched[];
}

/**
 * The merged graph (the given one is left as it is), or all problems; their `loc` starts with "overrides". Beside
 * problems, `accepted` has what could be merged, so that its values can be judged in the same answer.
 */
export function applyOverrides(
  graph: Graph,
  overrides: JsonValue,
  info: ObjectInfo,
): Merged | { problems: Problem[]; accepted: Merged } {
  if (!isJsonObject(overrides)) {
    const msg = 'overrides must be an object: node id to { "inputs": { name: value } }.';
    const problem: Problem = { loc: ['overrides'], msg, type: 'invalid_overrides', ...showInput(overrides) };
    return { problems: [problem], accepted: { graph, touched: [] } };
  }
  const merge: Merge = { graph, info, problems: [], touched: [] };
  const merged: Graph = { ...graph };
  for (const [nodeId, override] of Object.entries(overrides)) {
    const node = mergeNode(merge, nodeId, override);
    if (node !== undefined) merged[nodeId] = node;
  }
  const accepted: Merged = { graph: merged, touched: merge.touched };
  return merge.problems.length > 0 ? { problems: merge.problems, accepted } : accepted;
}

function mergeNode(merge: Merge, nodeId: string, override: JsonValue): GraphNode | undefined {
  const node = !isForbiddenKey(nodeId) && Object.hasOwn(merge.graph, nodeId) ? merge.graph[nodeId] : undefined;
  const loc = ['overrides', nodeId];
  if (node === undefined) {
    const nearest = nearestFor(merge.problems.length, nodeId, () => Object.keys(merge.graph));
    const msg = `There is no node ${repr(nodeId)} in the graph.${hint(nearest)}`;
    merge.problems.push(withNearest<Problem>({ loc, msg, type: 'unknown_node' }, nearest));
    return undefined;
  }
  const inputs = isJsonObject(override) && Object.hasOwn(override, 'inputs') ? override['inputs'] : undefined;
  if (!isJsonObject(override) || !isJsonObject(inputs)) {
    const msg = `The override of node ${repr(nodeId)} must be { "inputs": { name: value } }.`;
    merge.problems.push({ loc, msg, type: 'invalid_overrides', ...showInput(override) });
    return undefined;
  }
  refuseOtherKeys(merge, node, { nodeId, override });
  const nodeInfo = findNodeInfo(merge.info, node.class_type);
  const result: JsonObject = { ...node.inputs };
  // Once a node, not once an input: a hostile body names ten thousand.
  const specs = nodeInfo === undefined ? [] : resolveInputs(nodeInfo, { ...node.inputs, ...inputs }).specs;
  const naming: Naming = { merge, node, nodeInfo, specs: new Map(specs.map((spec) => [spec.name, spec])) };
  for (const [name, value] of Object.entries(inputs)) {
    const problem = judgeName(naming, name, value);
    if (problem !== undefined) merge.problems.push({ ...problem, loc: [...loc, 'inputs', name] });
    else {
      result[name] = value;
      merge.touched.push({ nodeId, name });
    }
  }
  return { ...node, inputs: result };
}

// Only inputs can be overridden; a pasted whole node is fine as long as it means the same node.
function refuseOtherKeys(merge: Merge, node: GraphNode, at: { nodeId: string; override: JsonObject }): void {
  for (const [key, value] of Object.entries(at.override)) {
    if (IGNORED_NODE_KEYS.has(key) || (key === 'class_type' && value === node.class_type)) continue;
    const msg = `Only "inputs" can be overridden, not ${repr(key)}.`;
    merge.problems.push({ loc: ['overrides', at.nodeId, key], msg, type: 'invalid_overrides', ...showInput(value) });
  }
}

interface Naming {
  merge: Merge;
  node: GraphNode;
  nodeInfo: NodeInfo | undefined;
  specs: ReadonlyMap<string, InputSpec>;
}

function judgeName(at: Naming, name: string, value: JsonValue): Omit<Problem, 'loc'> | undefined {
  const isPresent = !isForbiddenKey(name) && Object.hasOwn(at.node.inputs, name);
  const spec = at.specs.get(name);
  if (isForbiddenKey(name) || (!isPresent && spec === undefined && !isUnderDynamic(at.nodeInfo, name))) {
    const known = [...new Set([...at.specs.keys(), ...Object.keys(at.node.inputs)])];
    const near = nearestFor(at.merge.problems.length, name, () => known);
    const all = known.length > 0 ? ` It has: ${known.slice(0, 30).join(', ')}.` : ' It has no inputs.';
    const msg = `${at.node.class_type} has no input ${repr(name)}.${near.length > 0 ? hint(near) : all}`;
    return withNearest<Omit<Problem, 'loc'>>({ msg, type: 'unknown_input', ...showInput(value) }, near);
  }
  const before = isPresent ? at.node.inputs[name] : undefined;
  if (!Array.isArray(before) || Array.isArray(value) || takesLiteral(spec, at.merge.info)) return undefined;
  const type = spec === undefined ? 'a link' : `a link to an output of type ${spec.type}`;
  const msg = `${name} is linked to node ${repr(before[0] ?? null)} and takes ${type}; a literal cannot replace it.`;
  return { msg, type: 'linked_input', ...showInput(value) };
}

function isUnderDynamic(nodeInfo: NodeInfo | undefined, name: string): boolean {
  if (nodeInfo === undefined) return false;
  return listInputs(nodeInfo).some(
    (spec) => isDynamicType(spec.type) && (spec.name === name || name.startsWith(`${spec.name}.`)),
  );
}

function takesLiteral(spec: InputSpec | undefined, info: ObjectInfo): boolean {
  if (spec === undefined) return false;
  const types = spec.type.split(',').map((type) => type.trim());
  return types.some((type) => LITERAL_TYPES.has(type)) || !types.some((type) => outputTypes(info).has(type));
}

function outputTypes(info: ObjectInfo): ReadonlySet<string> {
  const known = outputTypesOfInfo.get(info);
  if (known !== undefined) return known;
  const types = new Set<string>();
  for (const { output } of Object.values(info)) {
    for (const type of Array.isArray(output) ? output : []) if (typeof type === 'string') types.add(type);
  }
  outputTypesOfInfo.set(info, types);
  return types;
}

function hint(nearest: readonly string[]): string {
  return nearest.length > 0 ? ` Did you mean ${nearest.map((name) => repr(name)).join(' or ')}?` : '';
}

function withNearest<P extends { nearest?: string[] }>(problem: P, nearest: string[]): P {
  return nearest.length > 0 ? { ...problem, nearest } : problem;
}
