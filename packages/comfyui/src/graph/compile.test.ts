import { describe, expect, test } from 'vitest';
import { createRandom, fitValue, oddValue, pick, type Random } from '../../test/doomed-graphs.ts';
import { makeImageGraph, readFixtureInfo } from '../../testing/fixture-info.ts';
import { type JsonObject, type JsonValue, LosslessNumber, parseJson, stringifyJson } from '../json.ts';
import { listInputs, type ObjectInfo } from '../object-info.ts';
import { compileGraph } from './compile.ts';
import { fingerprint } from './fingerprint.ts';
import { inputKey } from './graph-text.ts';
import { listMediaInputs } from './media-inputs.ts';
import { listModels } from './models.ts';
import { applyOverrides } from './overrides.ts';
import type { Graph } from './parse.ts';
import type { Problem } from './problem.ts';
import { pruneGraph } from './prune.ts';
import { listSavePrefixes } from './save-prefixes.ts';
import { validateGraph } from './validate.ts';

const info: ObjectInfo = readFixtureInfo();

function prepare(graph: Graph, overrides?: JsonValue) {
  const prepared = compileGraph(graph, info).prepare(overrides);
  if ('problems' in prepared) throw new Error(JSON.stringify(prepared.problems));
  return prepared;
}

/** The same by the long way: what every override must come out as. */
function prepareSlowly(graph: Graph, overrides: JsonValue) {
  const merged = applyOverrides(graph, overrides, info);
  if ('problems' in merged) {
    const isTouched = ({ loc: [nodeId, , name] }: Problem) =>
      merged.accepted.touched.some((each) => each.nodeId === nodeId && each.name === name);
    const values = validateGraph(merged.accepted.graph, info).problems.filter((problem) => isTouched(problem));
    return { verdict: 'refuse', problems: merged.problems.length + values.length };
  }
  const verdict = validateGraph(merged.graph, info);
  if (verdict.verdict === 'refuse') return { verdict: 'refuse', problems: verdict.problems.length };
  const pruned = pruneGraph(merged.graph, info);
  return {
    verdict: verdict.verdict,
    body: stringifyJson(pruned as unknown as JsonValue),
    graph: pruned,
    media: listMediaInputs(pruned, info),
    models: listModels(pruned, info),
    prefixes: listSavePrefixes(pruned),
    fingerprint: fingerprint(pruned),
    doubts: new Set(verdict.doubts.map(({ loc, type }) => `${loc.join('/')} ${type}`)),
  };
}

function prepareCompiled(graph: Graph, overrides: JsonValue) {
  const prepared = compileGraph(graph, info).prepare(overrides);
  if ('problems' in prepared) return { verdict: 'refuse', problems: prepared.problems.length };
  return {
    verdict: prepared.verdict,
    body: prepared.toBody(),
    graph: prepared.graph(),
    media: prepared.mediaInputs(),
    models: prepared.models(),
    prefixes: prepared.savePrefixes(),
    fingerprint: prepared.fingerprint(),
    doubts: new Set(prepared.doubts.map(({ loc, type }) => `${loc.join('/')} ${type}`)),
  };
}

function makeGraph(random: Random): Graph {
  const graph = makeImageGraph();
  graph['6'] = { class_type: 'LoadImage', inputs: { image: 'a.png' } };
  graph['7'] = { class_type: 'PreviewImage', inputs: { images: ['6', 0], undeclared: ['8', 0] } };
  graph['8'] = {
    class_type: 'StringConcatenate',
    inputs: { string_a: 'embedding:x', string_b: '\u{1f600}"\\', delimiter: '' },
  };
  graph['10'] = { class_type: 'RandomNoise', inputs: { noise_seed: 2n ** 64n - 1n } };
  graph['11'] = { class_type: 'PreviewAny', inputs: { source: ['10', 0] } };
  graph['12'] = {
    class_type: 'SaveVideo',
    inputs: { video: ['13', 0], filename_prefix: 'v', format: 'odd', codec: 'auto' },
  };
  graph['13'] = { class_type: 'LoadVideo', inputs: { file: 'x.mp4' } };
  for (const nodeId of ['7', '11', '12', '5']) if (random() < 0.4) delete graph[nodeId];
  if (random() < 0.2 && graph['1'] !== undefined) graph['1'].inputs['width'] = { __value__: 16 };
  if (random() < 0.1 && graph['2'] !== undefined) graph['2'].inputs['width'] = 'faulty';
  return graph;
}

function makeOverrides(random: Random, graph: Graph): JsonValue {
  const overrides: JsonObject = {};
  const count = Math.floor(random() * 4);
  for (let index = 0; index < count; index++) {
    const nodeId = random() < 0.03 ? 'absent' : pick(random, Object.keys(graph));
    const node = graph[nodeId];
    const specs = node === undefined ? [] : listInputs(info[node.class_type] ?? {});
    const names = [...Object.keys(node?.inputs ?? {}), ...specs.map(({ name }) => name)];
    const name = random() < 0.03 || names.length === 0 ? 'unheard_of' : pick(random, names);
    const spec = specs.find((each) => each.name === name) ?? {
      name,
      category: 'optional',
      type: 'STRING',
      options: undefined,
      opts: {},
      isOldCombo: false,
    };
    const value = random() < 0.5 ? fitValue(random, spec) : relink(random, oddValue(random, spec));
    const before = overrides[nodeId] as { inputs: JsonObject } | undefined;
    overrides[nodeId] = { inputs: { ...before?.inputs, [name]: value } };
  }
  return overrides;
}

// Links of the generator point to a node that these graphs do not have; half of them are turned to one they have.
function relink(random: Random, value: JsonValue): JsonValue {
  if (Array.isArray(value) && value[0] === 'leaf' && random() < 0.5)
    return [pick(random, ['1', '3', '6', '9']), value[1] ?? 0];
  return random() < 0.05
    ? pick<JsonValue>(random, [new LosslessNumber('NaN'), 'nan', '../x.png', 'm.safetensors', { __value__: ['77', 0] }])
    : value;
}

test('for random graphs and overrides the compiled way and the full way agree in everything', () => {
  const verdicts: Record<string, number> = {};
  for (let seed = 1; seed <= 2_000; seed++) {
    const random = createRandom(seed);
    const graph = makeGraph(random);
    const overrides = makeOverrides(random, graph);
    const expected = prepareSlowly(graph, overrides);
    expect(prepareCompiled(graph, overrides), `seed ${seed}: ${stringifyJson(overrides)}`).toEqual(expected);
    verdicts[expected.verdict] = (verdicts[expected.verdict] ?? 0) + 1;
  }
  for (const verdict of ['pass', 'ask', 'refuse']) expect(verdicts[verdict]).toBeGreaterThan(100);
});

test('a wrong name does not hide a wrong value beside it', () => {
  const overrides = {
    '77': { inputs: { x: 1 } },
    '5': { inputs: { filename_prefix: 'a' } },
    '1': { inputs: { width: 0 } },
  };
  const graph: Graph = {
    '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 0 } },
    '5': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } },
  };
  const prepared = compileGraph(graph, info).prepare(overrides);
  expect('problems' in prepared && prepared.problems.map(({ loc, type }) => [loc.join('/'), type])).toEqual([
    ['overrides/77', 'unknown_node'],
    ['overrides/1/inputs/width', 'value_smaller_than_min'],
  ]);
});

describe('the text to send', () => {
  test('leaves out what no output needs and keeps big integers digit for digit', () => {
    const graph = {
      ...makeImageGraph(),
      '10': { class_type: 'RandomNoise', inputs: { noise_seed: 18446744073709551615n } },
      '11': { class_type: 'PreviewAny', inputs: { source: ['10', 0] } },
    };
    const body = prepare(graph).toBody();
    expect(body).not.toContain('"9"');
    expect(body).toContain('"noise_seed":18446744073709551615');
    expect(Object.keys(JSON.parse(body))).toEqual(['1', '2', '3', '4', '5', '10', '11']);
  });

  test('takes the values of its holes, over overrides too', () => {
    const prepared = prepare(makeImageGraph(), {
      '5': { inputs: { filename_prefix: 'mine' } },
      '1': { inputs: { color: 3 } },
    });
    expect(prepared.savePrefixes()).toEqual([{ nodeId: '5', name: 'filename_prefix', value: 'mine' }]);
    const body = parseJson(
      prepared.toBody(
        new Map<string, JsonValue>([
          [inputKey('5', 'filename_prefix'), 'r-1/mine "x"'],
          [inputKey('2', 'color'), 2n ** 60n],
        ]),
      ),
    );
    expect(body).toMatchObject({
      '1': { inputs: { color: 3 } },
      '2': { inputs: { color: 2n ** 60n } },
      '5': { inputs: { filename_prefix: 'r-1/mine "x"' } },
    });
    expect(prepared.toBody()).toContain('"mine"');
  });

  test('refuses a hole that the graph does not have', () => {
    expect(() => prepare(makeImageGraph()).toBody(new Map([[inputKey('5', 'nope'), 1]]))).toThrow(/no input/);
  });
});

test('holes change the fingerprint, titles and order do not', () => {
  const graph = makeImageGraph();
  const base = prepare(graph);
  expect(base.fingerprint()).toBe(fingerprint(pruneGraph(graph, info)));
  expect(base.fingerprint(new Map([[inputKey('5', 'filename_prefix'), 'other']]))).not.toBe(base.fingerprint());
  expect(prepare(graph, { '1': { inputs: { color: 0 } } }).fingerprint()).toBe(base.fingerprint());
});

test('wrong names and unfit values are told in one answer', () => {
  const prepared = compileGraph(makeImageGraph(), info).prepare({
    '1': { inputs: { color: -1, colour: 1 } },
    '77': { inputs: {} },
  });
  expect('problems' in prepared ? prepared.problems.map(({ loc, type }) => `${loc.join('/')} ${type}`) : []).toEqual([
    'overrides/1/inputs/colour unknown_input',
    'overrides/77 unknown_node',
    'overrides/1/inputs/color value_smaller_than_min',
  ]);
});

test('a problem is shown where the caller wrote it, others in the saved graph', () => {
  const graph = makeImageGraph();
  if (graph['2'] !== undefined) graph['2'].inputs['width'] = 'x';
  const compiled = compileGraph(graph, info, { graphLoc: ['workflow'] });
  expect(compiled.verdict).toBe('refuse');
  expect(compiled.problems).toMatchObject([{ loc: ['workflow', '2', 'inputs', 'width'] }]);
  const prepared = compiled.prepare({ '1': { inputs: { color: -1 } } });
  expect('problems' in prepared ? prepared.problems.map(({ loc }) => loc.join('/')) : []).toEqual([
    'overrides/1/inputs/color',
    'workflow/2/inputs/width',
  ]);
  expect(compiled.prepare({ '2': { inputs: { width: 8 } } })).toMatchObject({ verdict: 'pass' });
});

test('the compiled graph outlives a change of the graph it was made from', () => {
  const compiled = compileGraph(makeImageGraph(), info);
  const first = compiled.prepare({ '1': { inputs: { color: 1 } } });
  const second = compiled.prepare({ '1': { inputs: { color: 2 } } });
  if ('problems' in first || 'problems' in second) throw new Error('refused');
  expect([first, second, first].map((prepared) => prepared.graph()['1']?.inputs['color'])).toEqual([1, 2, 1]);
});
