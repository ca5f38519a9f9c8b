// The named parameters that a graph suggests when its author declares none: `$name` tags in titles, media inputs,
// prompts, seeds, and what the author gave a title of its own. Called by versions.ts.
import {
  findNodeInfo,
  type Graph,
  type GraphNode,
  type InputSpec,
  inputKey,
  isJsonObject,
  isLink,
  listInputs,
  mediaKind,
  type ObjectInfo,
} from '@comfleet/comfyui';
import { completeParameter, isParameterName, type NamedParameter } from './parameters.pure.ts';

const MAX_SUGGESTED = 100;
/** `$prompt` stands for the node's main input, `$width.width` for the named one. */
const TAG = /\$([A-Za-z_][A-Za-z0-9_-]{0,63})(?:\.([A-Za-z0-9_.]+))?/g;
const SEED = /^(noise_)?seed$/;
const MAIN = ['text', 'prompt', 'value', 'string', 'seed', 'noise_seed', 'image', 'video', 'audio'];

interface Suggesting {
  readonly graph: Graph;
  readonly info: ObjectInfo;
  readonly found: NamedParameter[];
  readonly names: Set<string>;
  readonly targets: Set<string>;
}

export function suggestParameters(graph: Graph, info: ObjectInfo): NamedParameter[] {
  const at: Suggesting = { graph, info, found: [], names: new Set(), targets: new Set() };
  for (const [node, { title, specs }] of readNodes(graph, info)) addTagged(at, { node, title, specs });
  const consumers = listConsumers(graph);
  for (const [node, read] of readNodes(graph, info)) {
    for (const spec of read.specs) {
      const name = nameOf(spec, { ...read, role: () => roleOf(consumers, node) });
      if (name !== undefined) add(at, { name, node, input: spec.name, label: read.title });
    }
  }
  for (const [node, read] of readNodes(graph, info)) {
    if (read.title === undefined || isTagged(read.title)) continue;
    const main = mainInput(read.specs);
    const name = slug(read.title);
    if (main !== undefined && name !== undefined) add(at, { name, node, input: main.name, label: read.title });
  }
  return at.found;
}

interface ReadNode {
  /** The author's own; undefined when it is the class's name. */
  readonly title: string | undefined;
  /** Its inputs that hold a literal. */
  readonly specs: readonly InputSpec[];
}

function* readNodes(graph: Graph, info: ObjectInfo): IterableIterator<[string, ReadNode]> {
  for (const [nodeId, node] of Object.entries(graph)) {
    const nodeInfo = findNodeInfo(info, node.class_type);
    const declared = nodeInfo === undefined ? [] : listInputs(nodeInfo);
    const specs = declared.filter(({ name }) => isLiteral(node, name));
    const names = [node.class_type, nodeInfo?.display_name];
    const given = isJsonObject(node._meta) ? node._meta['title'] : undefined;
    const title = typeof given === 'string' && given.trim() !== '' && !names.includes(given) ? given.trim() : undefined;
    yield [nodeId, { title, specs }];
  }
}

function isLiteral(node: GraphNode, name: string): boolean {
  const value = Object.hasOwn(node.inputs, name) ? node.inputs[name] : undefined;
  return value !== undefined && !isLink(value);
}

function addTagged(at: Suggesting, { node, title, specs }: { node: string } & ReadNode): void {
  for (const [, name = '', given] of title?.matchAll(TAG) ?? []) {
    const input = given === undefined ? mainInput(specs)?.name : specs.find((spec) => spec.name === given)?.name;
    if (input !== undefined) add(at, { name, node, input, label: undefined });
  }
}

function isTagged(title: string): boolean {
  return title.search(TAG) >= 0;
}

function add(at: Suggesting, wish: { name: string; node: string; input: string; label: string | undefined }): void {
  const { name, node, input, label } = wish;
  const target = inputKey(node, input);
  if (at.targets.has(target) || at.found.length >= MAX_SUGGESTED) return;
  const free = freeName(name, at.names);
  if (!isParameterName(free)) return;
  at.targets.add(target);
  at.names.add(free);
  const isShown = label !== undefined && !isTagged(label);
  const parameter = { name: free, node, input, ...(isShown ? { label: label.slice(0, 200) } : {}) };
  at.found.push(completeParameter(at.graph, at.info, parameter));
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  let count = 2;
  while (taken.has(`${name}_${count}`)) count += 1;
  return `${name}_${count}`;
}

function mainInput(specs: readonly InputSpec[]): InputSpec | undefined {
  const media = specs.find((spec) => mediaKind(spec) !== undefined);
  if (media !== undefined) return media;
  for (const name of MAIN) {
    const spec = specs.find((candidate) => candidate.name === name);
    if (spec !== undefined) return spec;
  }
  return specs[0];
}

function nameOf(
  spec: InputSpec,
  read: { title: string | undefined; role: () => Role | undefined },
): string | undefined {
  const titled = read.title === undefined || isTagged(read.title) ? undefined : slug(read.title);
  const kind = mediaKind(spec);
  if (kind !== undefined) return titled ?? kind;
  if (spec.type === 'INT' && SEED.test(spec.name)) return 'seed';
  if (spec.type !== 'STRING' || spec.opts['multiline'] !== true) return undefined;
  const role = read.role();
  if (role !== undefined) return role === 'positive' ? 'prompt' : 'negative_prompt';
  return titled ?? (spec.name === 'text' ? 'prompt' : slug(spec.name));
}

type Role = 'positive' | 'negative';
interface Consumer {
  readonly node: string;
  readonly input: string;
}

function listConsumers(graph: Graph): ReadonlyMap<string, readonly Consumer[]> {
  const consumers = new Map<string, Consumer[]>();
  for (const [node, { inputs }] of Object.entries(graph)) {
    for (const [input, value] of Object.entries(inputs)) {
      if (!isLink(value) || !Array.isArray(value)) continue;
      const source = String(value[0]);
      const known = consumers.get(source);
      if (known === undefined) consumers.set(source, [{ node, input }]);
      else known.push({ node, input });
    }
  }
  return consumers;
}

/** Nodes looked at on the way from a text to the sampler that tells its role. */
const MAX_STEPS = 64;

function roleOf(consumers: ReadonlyMap<string, readonly Consumer[]>, node: string): Role | undefined {
  const queue = [node];
  const seen = new Set(queue);
  for (const current of queue) {
    if (seen.size > MAX_STEPS) return undefined;
    for (const { node: next, input } of consumers.get(current) ?? []) {
      if (input === 'positive' || input === 'negative') return input;
      if (!seen.has(next)) queue.push(next);
      seen.add(next);
    }
  }
  return undefined;
}

function slug(title: string): string | undefined {
  const words = title
    .normalize('NFKD')
    .toLowerCase()
    .match(/[a-z0-9]+/g);
  const name = words?.join('_').slice(0, 40).replace(/_+$/, '') ?? '';
  if (name === '') return undefined;
  return /^\d/.test(name) ? `_${name}` : name;
}
