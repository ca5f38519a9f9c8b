// Random graphs over every class of a ComfyUI, made so that it must refuse each: one required input far upstream is
// always missing. ComfyUI then judges every node and reports all faults, and nothing is ever queued or run.

import type { Graph } from '../src/graph/parse.ts';
import { type JsonObject, type JsonValue, LosslessNumber } from '../src/json.ts';
import { type InputSpec, listInputs, type ObjectInfo } from '../src/object-info.ts';

export type Random = () => number;

/** A small seeded generator (mulberry32), so that a failure can be repeated. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

const lossless = (text: string): LosslessNumber => new LosslessNumber(text);

// Written as python reads them; each is a corner of int(), float(), str(), bool(), `in` or of what a link is.
const ODD_LITERALS: readonly JsonValue[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  5,
  16.7,
  -1.5,
  99_999,
  2n ** 64n,
  2n ** 64n - 1n,
  -(2n ** 64n),
  9_007_199_254_740_993n,
  lossless('1.0'),
  lossless('1e3'),
  lossless('-0.0'),
  lossless('1e300'),
  lossless('16.0'),
  '',
  ' ',
  'abc',
  '16',
  ' 1_6 ',
  '1__6',
  '_16',
  '16_',
  '+5',
  '-5',
  '- 5',
  '3.7',
  '1e3',
  '0x10',
  '1_0.5',
  ' .5 ',
  '5.',
  '.',
  '1e',
  '1_e5',
  '1e5_0',
  '\u0661\u0666',
  '\u00a016\u00a0',
  '\x1c16',
  '\x8516',
  '\u200b16',
  '\ufeff16',
  '\uff11\uff16',
  '\u00b2',
  '1\u00a06',
  'nan_',
  'infinit',
  'True',
  'false',
  'None',
  '1e400',
  '-1e400',
  '1'.repeat(400),
  {},
  { a: 1 },
  { a: ['leaf', 0] },
  { __value__: 5 },
  { __value__: '16' },
  { __value__: 'abc' },
  { __value__: null },
  { __value__: { __value__: 5 } },
  { __value__: [1, 2] },
  { __value__: [] },
  { __value__: ['a', 'b'] },
  { a: 1, __value__: 3 },
];

const ODD_LINKS: readonly JsonValue[] = [
  [],
  [1],
  ['leaf'],
  ['leaf', 0, 1],
  [1, 2, 3],
  ['nope', 0],
  [1, 0],
  [null, 0],
  [true, 0],
  [['leaf'], 0],
  [{}, 0],
  ['', 0],
  ['leaf', -1],
  ['leaf', 1],
  ['leaf', -2],
  ['leaf', 7],
  ['leaf', true],
  ['leaf', false],
  ['leaf', null],
  ['leaf', '0'],
  ['leaf', lossless('0.0')],
  ['leaf', 0.5],
  ['leaf', 2n ** 70n],
  ['leaf', []],
  ['leaf', {}],
  ['nope', '0'],
  ['leaf', lossless('1e0')],
];

/** An input's value: mostly fit, sometimes anything. */
export function oddValue(random: Random, spec: InputSpec): JsonValue {
  const dice = random();
  if (dice < 0.45) return pick(random, ODD_LITERALS);
  if (dice < 0.6) return pick(random, ODD_LINKS);
  const { min, max } = spec.opts;
  const bounds: JsonValue[] = [];
  for (const bound of [min, max]) {
    if (typeof bound === 'number')
      bounds.push(bound, bound - 1, bound + 1, bound + 0.5, bound - 0.5, String(bound), String(bound + 1));
    if (typeof bound === 'bigint') bounds.push(bound, bound + 1n, bound - 1n, String(bound + 1n));
    if (bound instanceof LosslessNumber) bounds.push(bound, Number(bound) * 1.5, Number(bound) - 0.25);
  }
  for (const option of (spec.options ?? []).slice(0, 5))
    bounds.push(option, `${String(option)} `, String(option).toUpperCase());
  return bounds.length > 0 ? pick(random, bounds) : pick(random, ODD_LITERALS);
}

export function fitValue(random: Random, spec: InputSpec): JsonValue {
  const { min, max } = spec.opts;
  if (spec.type === 'INT' || spec.type === 'FLOAT') {
    const low = min === undefined ? 0 : Number(min);
    const high = max === undefined ? low + 100 : Math.min(Number(max), low + 100);
    return spec.type === 'INT'
      ? Math.ceil(low + random() * (Math.floor(high) - Math.ceil(low)))
      : low + random() * (high - low);
  }
  if (spec.type === 'BOOLEAN') return random() < 0.5;
  if (spec.type === 'COMBO')
    return spec.options !== undefined && spec.options.length > 0 ? pick(random, spec.options) : 'x';
  return 'text';
}

export interface DoomedGraphs {
  /** A graph of some random nodes, each reached by an output and each with the doomed leaf upstream. */
  make(random: Random): { graph: Graph; mutated: string[] };
}

interface Source {
  classType: string;
  slot: number;
}

export function createDoomedGraphs(info: ObjectInfo): DoomedGraphs {
  const sources = new Map<string, Source[]>();
  const classes = Object.keys(info);
  for (const classType of classes) {
    (info[classType]?.output ?? []).forEach((type, slot) => {
      // Only a class with a required input that no validator of its own hides can be doomed by leaving it out.
      const isDoomable = listInputs(info[classType] ?? {}).some(({ category }) => category === 'required');
      if (typeof type !== 'string' || !isDoomable || classType.startsWith('Load')) return;
      const known = sources.get(type) ?? [];
      known.push({ classType, slot });
      sources.set(type, known);
    });
  }
  return { make: (random) => makeGraph({ info, classes, sources }, random) };
}

interface Parts {
  info: ObjectInfo;
  classes: readonly string[];
  sources: ReadonlyMap<string, readonly Source[]>;
}

function makeGraph(parts: Parts, random: Random): { graph: Graph; mutated: string[] } {
  const graph: Graph = {};
  const mutated: string[] = [];
  const count = 1 + Math.floor(random() * 3);
  for (let index = 0; index < count; index++) {
    const classType = pick(random, parts.classes);
    const nodeInfo = parts.info[classType];
    if (nodeInfo === undefined) continue;
    const nodeId = `t${index}`;
    const inputs: JsonObject = {};
    const doom = fillInputs({ parts, random, graph, nodeId, classType }, inputs);
    if (!doom) continue;
    mutate({ random, specs: listInputs(nodeInfo).filter(({ name }) => name !== doom), nodeId, mutated }, inputs);
    graph[nodeId] = { class_type: classType, inputs };
    if (nodeInfo.output_node !== true) {
      graph[`p${index}`] = { class_type: 'PreviewAny', inputs: { source: [nodeId, 0] } };
    }
  }
  graph['leaf'] = { class_type: 'PrimitiveInt', inputs: {} };
  return { graph, mutated };
}

interface Filling {
  parts: Parts;
  random: Random;
  graph: Graph;
  nodeId: string;
  classType: string;
}

// Returns the input that leads to a doomed leaf, or undefined when the class cannot have one.
function fillInputs(at: Filling, inputs: JsonObject): string | undefined {
  const specs = listInputs(at.parts.info[at.classType] ?? {});
  if ((at.parts.info[at.classType]?.output ?? []).length === 0 && at.parts.info[at.classType]?.output_node !== true)
    return undefined;
  const candidates = specs.filter(
    ({ type, isOldCombo }) => !isOldCombo && (at.parts.sources.get(type)?.length ?? 0) > 0,
  );
  const doom = candidates.length > 0 ? pick(at.random, candidates).name : undefined;
  for (const spec of specs) {
    if (spec.name !== doom && spec.category === 'optional' && at.random() < 0.5) continue;
    const known = at.parts.sources.get(spec.type) ?? [];
    const isSocket = !['INT', 'FLOAT', 'STRING', 'BOOLEAN', 'COMBO'].includes(spec.type);
    if (known.length > 0 && !spec.isOldCombo && (spec.name === doom || isSocket)) {
      const source = pick(at.random, known);
      const leaf = `${at.nodeId}.${spec.name}`;
      at.graph[leaf] = { class_type: source.classType, inputs: {} };
      inputs[spec.name] = [leaf, source.slot];
    } else inputs[spec.name] = fitValue(at.random, spec);
  }
  return doom;
}

interface Mutation {
  random: Random;
  specs: readonly InputSpec[];
  nodeId: string;
  mutated: string[];
}

function mutate(at: Mutation, inputs: JsonObject): void {
  const count = Math.floor(at.random() * 4);
  for (let index = 0; index < count && at.specs.length > 0; index++) {
    const spec = pick(at.random, at.specs);
    const dice = at.random();
    if (dice < 0.08) delete inputs[spec.name];
    else if (dice < 0.13) inputs[`zz_${spec.name}`] = pick(at.random, ODD_LITERALS);
    else inputs[spec.name] = oddValue(at.random, spec);
    at.mutated.push(`${at.nodeId}.${spec.name}`);
  }
}
