// Is this a graph at all? The shape rules for API-format graphs, kept for every node, reachable or not: a node without
// `inputs` passes ComfyUI's own checks and then kills its worker thread.

import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { type Problem, showInput } from './problem.ts';
import { repr } from './python-value.ts';

export interface GraphNode {
  class_type: string;
  inputs: JsonObject;
  _meta?: JsonValue;
}

export type Graph = { [nodeId: string]: GraphNode };

// As node ids or override names these would be taken for members of the prototype.
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

export function isForbiddenKey(key: string): boolean {
  return FORBIDDEN_KEYS.has(key);
}

/** The format of the editor's own files (`nodes` and `links`), which needs converting first. */
export function isEditorFormat(value: JsonValue): boolean {
  return isJsonObject(value) && Array.isArray(value['nodes']) && Array.isArray(value['links']);
}

/** The value as a graph, or every fault of its shape. `loc` is relative to the graph. */
export function parseGraph(
  value: JsonValue,
  maxNodes = Number.POSITIVE_INFINITY,
): { graph: Graph } | { problems: Problem[] } {
  if (!isJsonObject(value)) {
    return { problems: [fault([], 'A graph is an object: node id to { "class_type", "inputs" }.', value)] };
  }
  if (isEditorFormat(value)) {
    const msg =
      "This is the editor's format (nodes, links); the API format is needed. Export it with Workflow > Export (API).";
    return { problems: [{ loc: [], msg, type: 'editor_format' }] };
  }
  const count = Object.keys(value).length;
  if (count > maxNodes) {
    const msg = `The graph has ${count} nodes; at most ${maxNodes} are taken.`;
    return { problems: [{ loc: [], msg, type: 'too_many_nodes' }] };
  }
  const problems: Problem[] = [];
  const graph: Graph = {};
  for (const [nodeId, node] of Object.entries(value)) {
    const parsed = parseNode(nodeId, node);
    if (Array.isArray(parsed)) problems.push(...parsed);
    else graph[nodeId] = parsed;
  }
  return problems.length > 0 ? { problems } : { graph };
}

function parseNode(nodeId: string, node: JsonValue): GraphNode | Problem[] {
  if (isForbiddenKey(nodeId)) return [forbidden([nodeId])];
  if (!isJsonObject(node))
    return [fault([nodeId], `Node '${nodeId}' must be an object with class_type and inputs.`, node)];
  const problems: Problem[] = [];
  const classType = own(node, 'class_type');
  const inputs = own(node, 'inputs');
  if (typeof classType !== 'string') {
    const msg = `Cannot execute because a node is missing the class_type property. Node ID '#${nodeId}' needs the name of its class.`;
    problems.push(fault([nodeId, 'class_type'], msg, classType));
  }
  if (!isJsonObject(inputs)) {
    const msg =
      inputs === undefined
        ? `Exception when validating node: 'inputs'. Node '${nodeId}' needs "inputs" ({} when it has none).`
        : `Exception when validating node: the inputs of node '${nodeId}' must be an object, not ${repr(inputs).slice(0, 80)}.`;
    problems.push({ ...fault([nodeId, 'inputs'], msg, inputs), type: 'exception_during_validation' });
  } else if (Object.hasOwn(inputs, '__proto__')) problems.push(forbidden([nodeId, 'inputs', '__proto__']));
  if (problems.length > 0 || typeof classType !== 'string' || !isJsonObject(inputs)) return problems;
  const meta = own(node, '_meta');
  return { class_type: classType, inputs, ...(meta === undefined ? {} : { _meta: meta }) };
}

function own(node: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(node, key) ? node[key] : undefined;
}

function fault(loc: Problem['loc'], msg: string, input: JsonValue | undefined): Problem {
  return { loc, msg, type: 'invalid_prompt', ...showInput(input) };
}

function forbidden(loc: Problem['loc']): Problem {
  return { loc, msg: `'${loc.at(-1)}' cannot be used as a name here.`, type: 'forbidden_name' };
}
