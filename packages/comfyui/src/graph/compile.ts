// Prepares a saved graph once per version, so that a request which overrides a few literals costs microseconds: only
// those inputs are checked and spliced into ready text. Anything else takes the full path and means the same.

import { isJsonObject, type JsonValue, stringifyJson } from '../json.ts';
import { findNodeInfo, type InputSpec, type ObjectInfo } from '../object-info.ts';
import { hasDynamicInputs, resolveInputs } from './dynamic-inputs.ts';
import { type GraphText, inputKey, writeGraphText } from './graph-text.ts';
import { type InputCase, judgeConstant } from './judge-constant.ts';
import { type Findings, makeContext, type NodeContext } from './node-context.ts';
import { applyOverrides, type Touched } from './overrides.ts';
import type { Graph } from './parse.ts';
import { makePrepared, type PreparedGraph, type ReadyGraph } from './prepared.ts';
import { type Problem, prefixProblem } from './problem.ts';
import { pruneGraph } from './prune.ts';
import { holdsNonFinite } from './python-value.ts';
import { listJudgedNodes, validateGraph } from './validate.ts';

export interface CompileOptions {
  /** What stands before a problem's `loc` when it lies in the saved graph and not in an override. */
  graphLoc?: readonly (string | number)[];
}

export interface CompiledGraph {
  readonly verdict: 'pass' | 'ask' | 'refuse';
  /** Faults of the saved graph as it is; overrides may still mend them. */
  readonly problems: readonly Problem[];
  prepare(overrides?: JsonValue): { problems: Problem[] } | PreparedGraph;
}

interface Slot {
  isKept: boolean;
  isJudged: boolean;
  node: NodeContext;
  /** Undefined for an input that the class does not declare. */
  spec: InputSpec | undefined;
}

interface Compiled {
  graph: Graph;
  info: ObjectInfo;
  graphLoc: readonly (string | number)[];
  slots: ReadonlyMap<string, ReadonlyMap<string, Slot>>;
  ready: ReadyGraph;
}

/** @example const compiled = compileGraph(graph, info); const prepared = compiled.prepare({ '6': { inputs: { text: 'a cat' } } }) */
export function compileGraph(graph: Graph, info: ObjectInfo, options: CompileOptions = {}): CompiledGraph {
  const graphLoc = options.graphLoc ?? ['graph'];
  const verdict = validateGraph(graph, info);
  if (verdict.verdict === 'refuse') {
    const problems = verdict.problems.map((problem) => prefixProblem(problem, graphLoc));
    const prepare: CompiledGraph['prepare'] = (overrides) => prepareWhole({ graph, info, graphLoc }, overrides);
    return { verdict: 'refuse', problems, prepare };
  }
  const compiled = compileClean({ graph, info, graphLoc }, verdict.doubts);
  const base = makePrepared(compiled.ready, { literals: new Map(), doubts: verdict.doubts });
  const prepare: CompiledGraph['prepare'] = (overrides) => {
    if (overrides === undefined) return base;
    return prepareLiterals(compiled, overrides) ?? prepareWhole(compiled, overrides);
  };
  return { verdict: verdict.verdict, problems: [], prepare };
}

function compileClean(at: Pick<Compiled, 'graph' | 'info' | 'graphLoc'>, doubts: Problem[]): Compiled {
  const pruned = pruneGraph(at.graph, at.info);
  const judged = listJudgedNodes(at.graph, at.info);
  const slots = new Map<string, ReadonlyMap<string, Slot>>();
  for (const [nodeId, node] of Object.entries(at.graph)) {
    const nodeInfo = findNodeInfo(at.info, node.class_type);
    // A dynamic class takes other inputs with other values; its overrides take the full path.
    if (nodeInfo === undefined || hasDynamicInputs(nodeInfo)) continue;
    const context = makeContext(nodeId, node.class_type, nodeInfo);
    const specs = new Map(resolveInputs(nodeInfo, node.inputs).specs.map((spec) => [spec.name, spec]));
    const isKept = Object.hasOwn(pruned, nodeId);
    const own = new Map<string, Slot>();
    for (const [name, value] of Object.entries(node.inputs)) {
      if (!isPlainLiteral(value)) continue;
      own.set(name, { isKept, isJudged: judged.has(nodeId), node: context, spec: specs.get(name) });
    }
    slots.set(nodeId, own);
  }
  const text: GraphText = writeGraphText(pruned);
  return { ...at, slots, ready: { graph: pruned, info: at.info, text, doubts } };
}

// Neither a link nor anything that ComfyUI could take for one.
function isPlainLiteral(value: JsonValue): boolean {
  return !Array.isArray(value) && !(isJsonObject(value) && Object.hasOwn(value, '__value__'));
}

// The quick way; undefined when any override is more than a new value for a literal, or is not clean.
function prepareLiterals(compiled: Compiled, overrides: JsonValue): PreparedGraph | undefined {
  if (!isJsonObject(overrides)) return undefined;
  const taken: Taken = { literals: new Map(), problems: [], doubts: [] };
  for (const nodeId of Object.keys(overrides)) {
    const override = overrides[nodeId];
    const slots = compiled.slots.get(nodeId);
    if (slots === undefined || !isJsonObject(override) || !isInputsOnly(override)) return undefined;
    const inputs = override['inputs'];
    if (!isJsonObject(inputs)) return undefined;
    for (const name of Object.keys(inputs)) {
      if (!takeLiteral({ nodeId, name, slot: slots.get(name), value: inputs[name] }, taken)) return undefined;
    }
  }
  const doubts = mergeDoubts(compiled.ready.doubts, taken.literals, taken.doubts);
  return makePrepared(compiled.ready, { literals: taken.literals, doubts });
}

interface Taken extends Findings {
  literals: Map<string, JsonValue>;
}

interface NewLiteral {
  nodeId: string;
  name: string;
  slot: Slot | undefined;
  value: JsonValue | undefined;
}

function takeLiteral({ nodeId, name, slot, value }: NewLiteral, taken: Taken): boolean {
  if (slot === undefined || value === undefined || !isPlainLiteral(value)) return false;
  // What no output needs is not sent, whatever its value.
  if (!slot.isKept) return true;
  if (!isCleanLiteral(slot, value, taken)) return false;
  taken.literals.set(inputKey(nodeId, name), value);
  return true;
}

function isInputsOnly(override: { [key: string]: JsonValue }): boolean {
  for (const key of Object.keys(override)) if (key !== 'inputs') return false;
  return true;
}

function isCleanLiteral(slot: Slot, value: JsonValue, found: Findings): boolean {
  if (holdsNonFinite(value)) return false;
  if (slot.spec === undefined) return true;
  // In a node that ComfyUI runs without judging it, a fault is only a doubt.
  if (!slot.isJudged) {
    judgeUnjudgedLiteral({ node: slot.node, spec: slot.spec, found }, value);
    return true;
  }
  const before = found.problems.length;
  judgeConstant({ node: slot.node, spec: slot.spec, found }, value);
  return found.problems.length === before;
}

function judgeUnjudgedLiteral({ node, spec, found }: InputCase, value: JsonValue): void {
  const own: Findings = { problems: [], doubts: [] };
  judgeConstant({ node, spec, found: own }, value);
  found.doubts.push(...own.problems, ...own.doubts);
}

function mergeDoubts(base: Problem[], literals: ReadonlyMap<string, JsonValue>, added: Problem[]): Problem[] {
  const isReplaced = ({ loc }: Problem): boolean =>
    loc.length === 3 && literals.has(inputKey(String(loc[0]), String(loc[2])));
  const kept = base.some(isReplaced) ? base.filter((problem) => !isReplaced(problem)) : base;
  return added.length > 0 ? [...kept, ...added] : kept;
}

// The full path: merge, judge everything, prune, write. Also what words the problems of the quick way.
function prepareWhole(
  at: Pick<Compiled, 'graph' | 'info' | 'graphLoc'>,
  overrides: JsonValue | undefined,
): { problems: Problem[] } | PreparedGraph {
  const merged = applyOverrides(at.graph, overrides ?? {}, at.info);
  if ('problems' in merged) return { problems: [...merged.problems, ...judgeAccepted(at, merged.accepted)] };
  const verdict = validateGraph(merged.graph, at.info);
  if (verdict.verdict === 'refuse') return { problems: placeProblems(verdict.problems, merged.touched, at.graphLoc) };
  const graph = pruneGraph(merged.graph, at.info);
  const ready = { graph, info: at.info, text: writeGraphText(graph), doubts: verdict.doubts };
  return makePrepared(ready, { literals: new Map(), doubts: verdict.doubts });
}

// Names were wrong, so the request is refused; the values of the other overrides are judged all the same.
function judgeAccepted(
  at: Pick<Compiled, 'info' | 'graphLoc'>,
  { graph, touched }: { graph: Graph; touched: Touched[] },
): Problem[] {
  const { problems } = validateGraph(graph, at.info);
  return placeProblems(problems, touched, at.graphLoc).filter(({ loc }) => loc[0] === 'overrides');
}

// A fault of an overridden input is shown where the caller wrote it.
function placeProblems(problems: Problem[], touched: Touched[], graphLoc: readonly (string | number)[]): Problem[] {
  const overridden = new Set(touched.map(({ nodeId, name }) => inputKey(nodeId, name)));
  return problems.map((problem) => {
    const [nodeId, , name] = problem.loc;
    const isOverridden = problem.loc.length === 3 && overridden.has(inputKey(String(nodeId), String(name)));
    return prefixProblem(problem, isOverridden ? ['overrides'] : graphLoc);
  });
}

/** The JSON text of a pruned graph; for callers without a compiled one. */
export function writeGraph(graph: Graph): string {
  return stringifyJson(graph as unknown as JsonValue);
}
