import { describe, expect, test } from 'vitest';
import { makeImageGraph, readFixtureInfo, readFixtureText } from '../../testing/fixture-info.ts';
import { type JsonObject, type JsonValue, LosslessNumber, parseJson } from '../json.ts';
import type { ObjectInfo } from '../object-info.ts';
import { type Graph, parseGraph } from './parse.ts';
import type { Problem } from './problem.ts';
import { validateGraph } from './validate.ts';

const info = readFixtureInfo();

interface Recorded {
  graph: JsonValue;
  status: number;
  error: string | null;
  nodeErrors: Record<string, string[]>;
}

const recorded = parseJson(readFixtureText('recorded-verdicts.json')) as unknown as Record<string, Recorded>;

function judge(value: JsonValue): { verdict: string; problems: Problem[]; doubts: Problem[] } {
  const parsed = parseGraph(value);
  return 'problems' in parsed
    ? { verdict: 'refuse', problems: parsed.problems, doubts: [] }
    : validateGraph(parsed.graph, info);
}

function change(nodeId: string, inputs: Record<string, JsonValue>): Graph {
  const graph = makeImageGraph();
  const node = graph[nodeId];
  if (node !== undefined) graph[nodeId] = { ...node, inputs: { ...node.inputs, ...inputs } };
  return graph;
}

/** `nodeId.input type` of each problem. */
function faults(graph: Graph): string[] {
  return judge(graph as unknown as JsonValue).problems.map(
    ({ loc, type }) => `${[loc[0], loc[2]].filter((part) => part !== undefined).join('.')} ${type}`,
  );
}

describe('what a running ComfyUI said', () => {
  // Ours on purpose: this one kills the worker thread of the ComfyUI that accepts it.
  const stricter = ['extra_unknown_input'];
  // Our own type says which class it is; a cycle has no type of its own in this release.
  const ownTypes: Record<string, string> = { unknown_class: 'unknown_node_type', cycle: 'dependency_cycle' };

  test.each(Object.keys(recorded).filter((name) => !stricter.includes(name)))('is what we say: %s', (name) => {
    const { graph, status, error, nodeErrors } = recorded[name] as Recorded;
    const { verdict, problems } = judge(graph);
    if (verdict === 'ask') return;
    expect(verdict).toBe(status === 200 ? 'pass' : 'refuse');
    const types = problems.map(({ type }) => type).sort();
    if (ownTypes[name] !== undefined) expect(types).toEqual([ownTypes[name]]);
    else if (status === 400 && Object.keys(nodeErrors).length === 0) expect(types).toEqual([error]);
    else if (status === 400) {
      const theirs = Object.values(nodeErrors).flat().sort();
      expect(types.map((type) => type.replace('_inner', ''))).toEqual(theirs.map((type) => type.replace('_inner', '')));
      expect(new Set(problems.map(({ loc }) => loc[0]))).toEqual(new Set(Object.keys(nodeErrors)));
    }
  });

  test('is left to it only where its own validators decide', () => {
    const asked = Object.keys(recorded).filter((name) => judge((recorded[name] as Recorded).graph).verdict === 'ask');
    expect(asked).toEqual(['combo_new_bad', 'custom_validation']);
  });

  test('is refused where it would accept and die', () => {
    expect(judge((recorded['extra_unknown_input'] as Recorded).graph)).toMatchObject({
      verdict: 'refuse',
      problems: [{ type: 'unknown_node' }],
    });
  });
});

test('a sound graph passes and is given back as it is', () => {
  const graph = makeImageGraph();
  expect(validateGraph(graph, info)).toEqual({ verdict: 'pass', graph, problems: [], doubts: [] });
});

describe('graphs that would kill the worker thread', () => {
  test.each<[string, Record<string, JsonValue>]>([
    ['an undeclared input linking nowhere', { extra: ['77', 0] }],
    ['the same inside the value wrapper', { extra: { __value__: ['77', 0] } }],
    ['with a true for the slot', { extra: ['77', true] }],
    ['with a float for the slot', { extra: ['77', new LosslessNumber('0.0')] }],
  ])('are refused: %s', (_, inputs) => {
    expect(faults(change('5', inputs))).toEqual(['5.extra unknown_node']);
  });

  test('are refused: a declared constant that unwraps to a link to nowhere', () => {
    expect(faults(change('4', { crop: { __value__: ['77', 0] } }))).toContain('4.crop unknown_node');
  });

  test('are refused: a node without inputs that nothing needs', () => {
    const graph = { ...makeImageGraph(), '8': { class_type: 'EmptyImage' } } as unknown as JsonValue;
    expect(judge(graph)).toMatchObject({ verdict: 'refuse', problems: [{ loc: ['8', 'inputs'] }] });
  });

  test('are refused: a chain of links near the depth of the python stack', () => {
    expect(faults(chain(899))).toEqual([]);
    expect(faults(chain(900))).toEqual([' deep_chain']);
  });

  test('nested objects and lists as constants are no danger', () => {
    expect(faults(change('5', { extra: { a: ['77', 0] }, other: [1, 2, 3], more: [['77', 0]] }))).toEqual([]);
  });
});

/** So many ImageInvert between an image and its output. */
function chain(length: number): Graph {
  const graph: Graph = { '0': { class_type: 'EmptyImage', inputs: { width: 1, height: 1, batch_size: 1, color: 0 } } };
  for (let index = 1; index < length; index++)
    graph[index] = { class_type: 'ImageInvert', inputs: { image: [String(index - 1), 0] } };
  graph['out'] = { class_type: 'PreviewImage', inputs: { images: [String(length - 1), 0] } };
  return graph;
}

test('a chain of tens of thousands of nodes is walked without running out of stack', () => {
  expect(faults(chain(30_000))).toEqual([' deep_chain']);
});

test('faults in nodes that no output needs do not count, except an unknown class', () => {
  expect(faults(change('9', { width: 'abc', height: ['77', 0] }))).toEqual([]);
  const graph = { ...makeImageGraph(), '8': { class_type: 'EmptyImag', inputs: {} } };
  expect(validateGraph(graph, info)).toMatchObject({
    problems: [{ loc: ['8', 'class_type'], type: 'unknown_node_type', nearest: ['EmptyImage'] }],
  });
});

test('one faulty output of two refuses the whole graph, where ComfyUI would run the other', () => {
  const graph = { ...makeImageGraph(), '6': { class_type: 'SaveImage', inputs: { images: ['3', 0] } } };
  expect(faults(graph)).toEqual(['6.filename_prefix required_input_missing']);
});

test('all problems are reported at once, each where it is and with what would fit', () => {
  const graph = change('4', { upscale_method: 'bilinaer', width: -1, height: 'x', crop: [1] });
  const { problems } = judge(graph as unknown as JsonValue);
  expect(problems.map(({ loc, type }) => `${loc.join('/')} ${type}`)).toEqual([
    '4/inputs/upscale_method value_not_in_list',
    '4/inputs/width value_smaller_than_min',
    '4/inputs/height invalid_input_type',
    '4/inputs/crop bad_linked_input',
  ]);
  expect(problems[0]).toMatchObject({ nearest: ['bilinear'], input: 'bilinaer' });
  expect(problems[0]?.msg).toContain("Did you mean 'bilinear'?");
  expect(problems[1]?.msg).toContain('Value -1 smaller than min of 0');
  expect(problems[1]?.msg).toContain('a whole number from 0 to 16384');
});

describe('links', () => {
  test.each<[string, JsonValue, string[]]>([
    ['a negative index counts from the end', ['3', -1], []],
    ['true is 1', ['3', true], ['4.image exception_during_inner_validation']],
    ['false is 0', ['3', false], []],
    ['out of range', ['3', 1], ['4.image exception_during_inner_validation']],
    ['below the range', ['3', -2], ['4.image exception_during_inner_validation']],
    ['a number as node id', [3, 0], ['4.image exception_during_inner_validation']],
    ['an unknown node', ['33', 0], ['4.image exception_during_inner_validation']],
    ['a name of every object', ['constructor', 0], ['4.image exception_during_inner_validation']],
  ])('%s', (_, link, expected) => {
    expect(faults(change('4', { image: link }))).toEqual(expected);
  });

  test('to an unknown node name the nodes near it', () => {
    const [problem] = judge(change('4', { image: ['33', 0] }) as unknown as JsonValue).problems;
    expect(problem).toMatchObject({ nearest: ['3'] });
  });

  test('a list type takes no link of another type, and a union takes each of its own', () => {
    const graph: Graph = {
      '1': { class_type: 'PrimitiveInt', inputs: { value: 1 } },
      '2': { class_type: 'EmptyImage', inputs: { width: ['1', 0], height: 1, batch_size: 1, color: 0 } },
      '3': {
        class_type: 'ImageScale',
        inputs: { image: ['2', 0], upscale_method: ['1', 0], width: 1, height: 1, crop: 'disabled' },
      },
      '4': { class_type: 'PreviewImage', inputs: { images: ['3', 0] } },
      '5': { class_type: 'PreviewAny', inputs: { source: ['1', 0] } },
    };
    expect(faults(graph)).toEqual(['3.upscale_method return_type_mismatch']);
  });
});

test('a cycle is named by its path', () => {
  const graph = change('3', { image2: ['4', 0] });
  const { problems } = judge(graph as unknown as JsonValue);
  expect(problems).toMatchObject([{ type: 'dependency_cycle' }]);
  expect(problems[0]?.msg).toContain('4 (ImageScale) -> 3 (ImageBlend) -> 4 (ImageScale)');
});

describe('numbers', () => {
  test.each<[JsonValue, string | undefined]>([
    ['nan', 'invalid_input_type'],
    [new LosslessNumber('NaN'), 'invalid_input_type'],
    ['1e400', 'value_bigger_than_max'],
    [new LosslessNumber('-Infinity'), 'value_smaller_than_min'],
    [' .5 ', undefined],
    [true, undefined],
    [new LosslessNumber('1.0'), undefined],
    [1.01, 'value_bigger_than_max'],
    [null, 'invalid_input_type'],
  ])('%s for a number from 0 to 1: %s', (value, expected) => {
    expect(faults(change('3', { blend_factor: value }))).toEqual(
      expected === undefined ? [] : [`3.blend_factor ${expected}`],
    );
  });

  test('a limit is told as it is written, a decimal one as well', () => {
    const { problems } = judge(change('3', { blend_factor: new LosslessNumber('7.0') }) as unknown as JsonValue);
    expect(problems[0]?.msg).toMatch(/takes a number from 0(\.0)? to 1(\.0)?\.$/);
  });

  test('a seed keeps all its digits: 2^64 - 1 passes, 2^64 does not', () => {
    const seeded = (seed: JsonValue): Graph => ({
      '1': { class_type: 'RandomNoise', inputs: { noise_seed: seed } },
      '2': { class_type: 'PreviewAny', inputs: { source: ['1', 0] } },
    });
    expect(faults(seeded(18446744073709551615n))).toEqual([]);
    expect(faults(seeded(18446744073709551616n))).toEqual(['1.noise_seed value_bigger_than_max']);
    expect(faults(seeded('18446744073709551616'))).toEqual(['1.noise_seed value_bigger_than_max']);
  });

  test('a NaN in an input that the class does not declare is refused too', () => {
    expect(faults(change('5', { extra: { deep: [new LosslessNumber('NaN')] } }))).toEqual([
      '5.extra invalid_input_type',
    ]);
  });
});

describe('what object_info does not show is left to the back end', () => {
  test('a custom class: its checks are doubts, conversions and missing inputs are sure', () => {
    const custom = { ...info, Pack: { ...info['ImageScale'], python_module: 'custom_nodes.pack' } };
    const graph = change('4', { upscale_method: 'zzz', width: -1 });
    if (graph['4'] !== undefined) graph['4'].class_type = 'Pack';
    expect(validateGraph(graph, custom).verdict).toBe('ask');
    if (graph['4'] !== undefined) graph['4'].inputs['width'] = 'abc';
    expect(validateGraph(graph, custom)).toMatchObject({
      verdict: 'refuse',
      problems: [{ type: 'invalid_input_type' }],
    });
  });

  test('a media input is not held against its list, but must name a file inside the input folder', () => {
    const load = (image: JsonValue): Graph => ({
      '1': { class_type: 'LoadImage', inputs: { image } },
      '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
    });
    expect(validateGraph(load('uploaded/a.png'), info).verdict).toBe('ask');
    expect(validateGraph(load('https://example.com/../a.png'), info).verdict).toBe('ask');
    expect(faults(load('../a.png'))).toEqual(['1.image invalid_media']);
    expect(faults(load('a.png [output]'))).toEqual(['1.image invalid_media']);
  });

  test('a node reached only through an undeclared input runs unjudged, so its faults are doubts', () => {
    const graph = change('5', { extra: ['9', 0] });
    if (graph['9'] !== undefined) graph['9'].inputs['width'] = 'abc';
    expect(validateGraph(graph, info)).toMatchObject({
      verdict: 'ask',
      doubts: [{ type: 'invalid_input_type', loc: ['9', 'inputs', 'width'] }],
    });
    if (graph['9'] !== undefined) graph['9'].inputs['width'] = ['77', 0];
    expect(validateGraph(graph, info).verdict).toBe('refuse');
  });
});

test('a value of megabytes is not sent back whole', () => {
  const { problems } = judge(
    change('4', { width: 'x'.repeat(5_000_000), height: Array(100_000).fill(1) }) as unknown as JsonValue,
  );
  expect(problems.map(({ type }) => type)).toEqual(['invalid_input_type', 'bad_linked_input']);
  expect(JSON.stringify(problems).length).toBeLessThan(4_000);
});

describe('a graph made to hurt', () => {
  const inputs = (count: number, entry: JsonValue) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`i${index}`, entry]));
  const nodes = (count: number): Graph =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [String(index), { class_type: 'X', inputs: {} }]));
  const grown = [
    'COMFY_AUTOGROW_V3',
    { template: { input: { required: { a: ['INT', {}] } }, prefix: 'x', max: 1000 } },
  ];

  test.each<[string, JsonObject]>([
    ['declares', inputs(5_000, ['INT', {}])],
    ['grows', inputs(30, grown)],
    ['offers', { a: [Array.from({ length: 20_000 }, (_, index) => `m${index}`), {}] }],
    [
      'may choose',
      { a: ['COMFY_DYNAMICCOMBO_V3', { options: [{ key: 'b', inputs: { required: inputs(5_000, ['INT', {}]) } }] }] },
    ],
  ])('whose class %s very many inputs is refused before they are judged', (_what, required) => {
    const info: ObjectInfo = { X: { input: { required }, output: [], output_node: true } };
    const before = process.cpuUsage();
    expect(validateGraph(nodes(5_000), info)).toMatchObject({ problems: [{ type: 'too_many_inputs' }] });
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
    expect(validateGraph(nodes(3), info).problems).not.toMatchObject([{ type: 'too_many_inputs' }]);
  });

  test('of cycles without number is refused with some of them', () => {
    const chain = nodes(2_000);
    for (const [id, node] of Object.entries(chain)) if (id !== '0') node.inputs['in'] = [String(Number(id) - 1), 0];
    const first = chain['0'];
    for (let index = 0; index < 20_000; index += 1)
      if (first) first.inputs[`b${index}`] = [String(1_000 + (index % 1_000)), 0];
    const info: ObjectInfo = { X: { input: {}, output: ['*'], output_node: true } };
    const found = validateGraph(chain, info).problems.filter(({ type }) => type === 'dependency_cycle');
    expect(found.length).toBeGreaterThan(0);
    expect(JSON.stringify(found).length).toBeLessThan(1_000_000);
  });
});
