// A graph that is ready to be sent once its media and file prefixes are known: what it loads, reads and writes, and its
// text with holes. Made by compileGraph for one request.

import { type JsonValue, stringifyJson } from '../json.ts';
import { findNodeInfo, type ObjectInfo } from '../object-info.ts';
import { listNamedFiles, mayNameFile, type NamedFile } from './core-file-inputs.ts';
import { joinDigests, nodeDigest } from './fingerprint.ts';
import { type Edit, type GraphText, inputKey, spliceText } from './graph-text.ts';
import { listMediaInputs, type MediaInput } from './media-inputs.ts';
import { listModels, mayNameModel } from './models.ts';
import type { Graph } from './parse.ts';
import type { Problem } from './problem.ts';
import { listSavePrefixes, readSavePrefix, type SavePrefix } from './save-prefixes.ts';

/** inputKey(nodeId, name) → the value to send in place of the literal. */
export type Holes = ReadonlyMap<string, JsonValue>;

/** What a version's requests share. */
export interface ReadyGraph {
  graph: Graph;
  info: ObjectInfo;
  text: GraphText;
  doubts: Problem[];
}

export interface PreparedGraph {
  readonly verdict: 'pass' | 'ask';
  /** What only the back end can decide. */
  readonly doubts: readonly Problem[];
  /** The pruned graph with the overrides in it. */
  graph(): Graph;
  /** Of the pruned graph, whatever the overrides. */
  nodeCount(): number;
  classOf(nodeId: string): string | undefined;
  mediaInputs(): MediaInput[];
  /** What the core's own loaders read of the input folder, also where the object_info does not say so. */
  namedFiles(): NamedFile[];
  models(): string[];
  savePrefixes(): SavePrefix[];
  /** Equal for runs that are identical apart from nothing; holes count as the values they bring. */
  fingerprint(holes?: Holes): string;
  /** The JSON text of the pruned graph for POST /prompt. Holes in pruned nodes are ignored; unknown inputs throw. */
  toBody(holes?: Holes): string;
}

interface Shared {
  nodeCount: number;
  media: MediaInput[];
  files: NamedFile[];
  models: string[];
  prefixes: SavePrefix[];
  digests: Map<string, string>;
}

// Read off the graph once per version, however many requests ask.
const sharedOfReady = new WeakMap<ReadyGraph, Shared>();

function shared(ready: ReadyGraph): Shared {
  const known = sharedOfReady.get(ready);
  if (known !== undefined) return known;
  const made: Shared = {
    nodeCount: Object.keys(ready.graph).length,
    media: listMediaInputs(ready.graph, ready.info),
    files: listNamedFiles(ready.graph),
    models: listModels(ready.graph, ready.info),
    prefixes: listSavePrefixes(ready.graph),
    digests: new Map(Object.entries(ready.graph).map(([nodeId, node]) => [nodeId, nodeDigest(node)])),
  };
  sharedOfReady.set(ready, made);
  return made;
}

export function makePrepared(ready: ReadyGraph, of: { literals: Holes; doubts: Problem[] }): PreparedGraph {
  const { literals, doubts } = of;
  return {
    verdict: doubts.length > 0 ? 'ask' : 'pass',
    doubts,
    graph: () => replaceLiterals(ready.graph, literals),
    nodeCount: () => shared(ready).nodeCount,
    classOf: (nodeId) => (Object.hasOwn(ready.graph, nodeId) ? ready.graph[nodeId]?.class_type : undefined),
    mediaInputs: () => mediaInputs(ready, literals),
    namedFiles: () => namedFiles(ready, literals),
    models: () => models(ready, literals),
    savePrefixes: () => savePrefixes(ready, literals),
    fingerprint: (holes) => fingerprintOf(ready, holes === undefined ? literals : new Map([...literals, ...holes])),
    toBody: (holes) => spliceText(ready.text.text, listEdits(ready, literals, holes)),
  };
}

function listEdits({ text }: ReadyGraph, literals: Holes, holes: Holes | undefined): Edit[] {
  const edits: Edit[] = [];
  for (const [key, value] of literals) {
    const span = text.spans.get(key);
    if (span !== undefined && holes?.has(key) !== true) edits.push({ span, text: stringifyJson(value) });
  }
  for (const [key, value] of holes ?? []) {
    const span = text.spans.get(key);
    if (span === undefined) throw new Error(`the graph has no input ${JSON.stringify(key)} to fill`);
    edits.push({ span, text: stringifyJson(value) });
  }
  return edits;
}

function replaceLiterals(graph: Graph, literals: Holes): Graph {
  if (literals.size === 0) return graph;
  const result: Graph = { ...graph };
  for (const [key, value] of literals) {
    const [nodeId, name] = splitKey(key);
    const node = result[nodeId];
    if (node !== undefined) result[nodeId] = { ...node, inputs: { ...node.inputs, [name]: value } };
  }
  return result;
}

function splitKey(key: string): [nodeId: string, name: string] {
  const end = key.indexOf('\u0000');
  return [key.slice(0, end), key.slice(end + 1)];
}

function mediaInputs(ready: ReadyGraph, literals: Holes): MediaInput[] {
  const base = shared(ready).media;
  if (literals.size === 0) return base;
  if (base.length === 0 && literals.size === 0) return base;
  const isTouched = base.some(({ nodeId, name }) => literals.has(inputKey(nodeId, name)));
  // A literal that was no text before may be a file name now.
  const mayBeNew = [...literals].some(([key, value]) => typeof value === 'string' && !isText(ready, key));
  return isTouched || mayBeNew ? listMediaInputs(replaceLiterals(ready.graph, literals), ready.info) : base;
}

function isText({ graph }: ReadyGraph, key: string): boolean {
  const [nodeId, name] = splitKey(key);
  return typeof graph[nodeId]?.inputs[name] === 'string';
}

function namedFiles(ready: ReadyGraph, literals: Holes): NamedFile[] {
  for (const key of literals.keys()) {
    const [nodeId, name] = splitKey(key);
    const node = ready.graph[nodeId];
    if (node !== undefined && mayNameFile(node.class_type, name)) {
      return listNamedFiles(replaceLiterals(ready.graph, literals));
    }
  }
  return shared(ready).files;
}

function models(ready: ReadyGraph, literals: Holes): string[] {
  const base = shared(ready).models;
  for (const [key, value] of literals) {
    const [nodeId, name] = splitKey(key);
    const node = ready.graph[nodeId];
    if (node === undefined || findNodeInfo(ready.info, node.class_type) === undefined) continue;
    const before = node.inputs[name] ?? null;
    if (mayNameModel(node.class_type, name, value) || mayNameModel(node.class_type, name, before)) {
      return listModels(replaceLiterals(ready.graph, literals), ready.info);
    }
  }
  return base;
}

function savePrefixes(ready: ReadyGraph, literals: Holes): SavePrefix[] {
  const base = shared(ready).prefixes;
  if (literals.size === 0) return base;
  return base.map((prefix) => {
    const value = literals.get(inputKey(prefix.nodeId, prefix.name));
    const text = value === undefined ? undefined : readSavePrefix(value);
    return text === undefined ? prefix : { ...prefix, value: text };
  });
}

function fingerprintOf(ready: ReadyGraph, literals: Holes): string {
  const digests = new Map(shared(ready).digests);
  const graph = replaceLiterals(ready.graph, literals);
  for (const key of literals.keys()) {
    const [nodeId] = splitKey(key);
    const node = graph[nodeId];
    if (node !== undefined) digests.set(nodeId, nodeDigest(node));
  }
  return joinDigests([...digests]);
}
