// Would ComfyUI run this whole graph? Three classes: sure to be refused, sure to pass, only the back end knows.
// Stricter than ComfyUI on purpose where it would drop a faulty output, store NaN, or lose its worker thread.

import { findNodeInfo, type ObjectInfo } from '../object-info.ts';
import { countInputs, type NodeInputs, resolveInputs } from './dynamic-inputs.ts';
import { judgeNode } from './judge-node.ts';
import { linkedNode } from './links.ts';
import { nearestFor } from './nearest.ts';
import { type Findings, makeContext } from './node-context.ts';
import type { Graph } from './parse.ts';
import type { Problem } from './problem.ts';
import { listOutputNodes, listSources, reachFrom, walkLinks } from './reach.ts';

export type Verdict =
  | { verdict: 'pass' | 'ask'; graph: Graph; problems: []; doubts: Problem[] }
  | { verdict: 'refuse'; problems: Problem[]; doubts: Problem[] };

// ComfyUI follows links by recursion and python stops that near 1,000 frames: while it validates that is an error, but a
// chain that was partly validated before dies in the worker thread instead (seen on 0.3.64, 1,300 nodes, two outputs).
const SURE_DEPTH = 500;
const FATAL_DEPTH = 900;

/** Judges a graph (shape already checked by parseGraph) against a back end's object_info. All problems at once. */
export function validateGraph(graph: Graph, info: ObjectInfo): Verdict {
  const excess = findExcess(graph, info);
  if (excess !== undefined) return { verdict: 'refuse', problems: [excess], doubts: [] };
  const found: Findings = { problems: listUnknownClasses(graph, info), doubts: [] };
  const outputs = listOutputNodes(graph, info);
  if (outputs.length === 0 && found.problems.length === 0) {
    const msg = 'Prompt has no outputs. The graph needs a node that saves or shows something, such as SaveImage.';
    found.problems.push({ loc: [], msg, type: 'prompt_no_outputs' });
  }
  judgeReached({ graph, info, outputs, found });
  if (found.problems.length > 0) return { verdict: 'refuse', ...found };
  return { verdict: found.doubts.length > 0 ? 'ask' : 'pass', graph, problems: [], doubts: found.doubts };
}

/** Of all nodes together, whether they are set or not. A large workflow has some ten thousand. */
const MAX_INPUTS = 100_000;

/** Every input of every node is judged by itself: a small object_info can ask for very many. */
function findExcess(graph: Graph, info: ObjectInfo): Problem | undefined {
  let count = 0;
  for (const { class_type: classType } of Object.values(graph)) {
    const nodeInfo = findNodeInfo(info, classType);
    if (nodeInfo !== undefined) count += countInputs(nodeInfo);
  }
  if (count <= MAX_INPUTS) return undefined;
  const msg = `The nodes of the graph can have ${count} inputs in all, by their object_info; at most ${MAX_INPUTS} are judged.`;
  return { loc: [], msg, type: TOO_MANY_INPUTS };
}

/** Such a graph is not even looked into, so nothing can be done with it. */
export const TOO_MANY_INPUTS = 'too_many_inputs';

function listUnknownClasses(graph: Graph, info: ObjectInfo): Problem[] {
  const problems: Problem[] = [];
  for (const [nodeId, { class_type: classType }] of Object.entries(graph)) {
    if (findNodeInfo(info, classType) !== undefined) continue;
    const nearest = nearestFor(problems.length, classType, () => Object.keys(info));
    const hint =
      nearest.length > 0 ? ` Did you mean ${nearest.join(' or ')}?` : ' Its custom node pack may not be installed.';
    const msg = `Cannot execute because node ${classType.slice(0, 200)} does not exist. Node ID '#${nodeId}'.${hint}`;
    const problem: Problem = { loc: [nodeId, 'class_type'], msg, type: 'unknown_node_type', input: classType };
    problems.push(nearest.length > 0 ? { ...problem, nearest } : problem);
  }
  return problems;
}

interface Judging {
  graph: Graph;
  info: ObjectInfo;
  outputs: readonly string[];
  found: Findings;
}

/** The nodes that ComfyUI itself would judge: those its outputs reach through declared inputs. */
export function listJudgedNodes(graph: Graph, info: ObjectInfo): Set<string> {
  const inputsOf = new Map<string, NodeInputs>();
  for (const [nodeId, node] of Object.entries(graph)) {
    const nodeInfo = findNodeInfo(info, node.class_type);
    if (nodeInfo !== undefined) inputsOf.set(nodeId, resolveInputs(nodeInfo, node.inputs));
  }
  return listJudged(graph, listOutputNodes(graph, info), inputsOf);
}

function judgeReached({ graph, info, outputs, found }: Judging): void {
  const sourcesOf = (nodeId: string): string[] => listSources(graph, nodeId);
  const kept = reachFrom(outputs, sourcesOf);
  const inputsOf = new Map<string, NodeInputs>();
  for (const nodeId of kept) {
    const node = graph[nodeId];
    const nodeInfo = node === undefined ? undefined : findNodeInfo(info, node.class_type);
    if (node !== undefined && nodeInfo !== undefined) inputsOf.set(nodeId, resolveInputs(nodeInfo, node.inputs));
  }
  const judged = listJudged(graph, outputs, inputsOf);
  for (const [nodeId, inputs] of inputsOf) {
    const node = graph[nodeId];
    const nodeInfo = node === undefined ? undefined : findNodeInfo(info, node.class_type);
    if (node === undefined || nodeInfo === undefined) continue;
    const context = makeContext(nodeId, node.class_type, nodeInfo);
    if (judged.has(nodeId)) judgeNode({ graph, info, node: context, inputs, found });
    else judgeUnjudged({ graph, info, node: context, inputs, found });
  }
  judgeWalk(graph, found, walkLinks(kept, sourcesOf));
}

// ComfyUI validates only what declared inputs lead to.
function listJudged(graph: Graph, outputs: readonly string[], inputsOf: Map<string, NodeInputs>): Set<string> {
  return reachFrom(outputs, (nodeId) => {
    const values = graph[nodeId]?.inputs ?? {};
    return (inputsOf.get(nodeId)?.specs ?? []).flatMap(({ name }) => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      const source = Array.isArray(value) ? linkedNode(value) : undefined;
      return source !== undefined && Object.hasOwn(graph, source) ? [source] : [];
    });
  });
}

// Reached through an undeclared input only: ComfyUI runs the node without judging it. What would kill the worker is
// refused all the same, the rest is left to the run.
function judgeUnjudged(at: Parameters<typeof judgeNode>[0]): void {
  const own: Findings = { problems: [], doubts: [] };
  judgeNode({ ...at, found: own });
  for (const problem of [...own.problems, ...own.doubts]) {
    const isFatal = problem.type === 'unknown_node' || linksNowhere(at.graph, problem);
    (isFatal ? at.found.problems : at.found.doubts).push(problem);
  }
}

function linksNowhere(graph: Graph, { input }: Problem): boolean {
  const target = input === undefined ? undefined : linkedNode(input);
  return target !== undefined && !Object.hasOwn(graph, target);
}

/** Of a cycle, in its message. */
const SHOWN_NODES = 50;

function judgeWalk(graph: Graph, found: Findings, { cycles, depth }: ReturnType<typeof walkLinks>): void {
  for (const cycle of cycles) {
    const [first] = cycle;
    if (first === undefined) continue;
    const shown = cycle.length > SHOWN_NODES ? [...cycle.slice(0, SHOWN_NODES), '…', first] : [...cycle, first];
    const path = shown.map((id) => (id === '…' ? id : `${id} (${graph[id]?.class_type})`)).join(' -> ');
    found.problems.push({ loc: [first], msg: `Dependency cycle detected: ${path}.`, type: 'dependency_cycle' });
  }
  if (depth <= SURE_DEPTH) return;
  const msg = `The longest chain of links has ${depth} nodes; ComfyUI stops near 1,000 (RecursionError).`;
  (depth > FATAL_DEPTH ? found.problems : found.doubts).push({ loc: [], msg, type: 'deep_chain' });
}
