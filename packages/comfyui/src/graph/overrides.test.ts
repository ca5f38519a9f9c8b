import { describe, expect, test } from 'vitest';
import { makeImageGraph, readFixtureInfo } from '../../testing/fixture-info.ts';
import { type JsonValue, parseJson, stringifyJson } from '../json.ts';
import { applyOverrides } from './overrides.ts';

const info = readFixtureInfo();

function problems(overrides: JsonValue): string[] {
  const merged = applyOverrides(makeImageGraph(), overrides, info);
  return 'problems' in merged ? merged.problems.map(({ loc, type }) => `${loc.join('/')} ${type}`) : [];
}

test('named inputs get the new values and the saved graph stays as it is', () => {
  const graph = makeImageGraph();
  const merged = applyOverrides(
    graph,
    { '1': { inputs: { color: 5 } }, '4': { inputs: { crop: 'center', image: ['1', 0] } } },
    info,
  );
  if ('problems' in merged) throw new Error('refused');
  expect(merged.graph['1']).toEqual({ ...graph['1'], inputs: { ...graph['1']?.inputs, color: 5 } });
  expect(merged.graph['4']?.inputs).toMatchObject({ crop: 'center', image: ['1', 0], width: 32 });
  expect(merged.graph['2']).toBe(graph['2']);
  expect(merged.touched).toEqual([
    { nodeId: '1', name: 'color' },
    { nodeId: '4', name: 'crop' },
    { nodeId: '4', name: 'image' },
  ]);
  expect(graph).toEqual(makeImageGraph());
});

test('nothing overridden is the graph itself', () => {
  expect(applyOverrides(makeImageGraph(), {}, info)).toEqual({ graph: makeImageGraph(), touched: [] });
});

test('a declared input that the graph leaves out can be given', () => {
  const graph = { '1': { class_type: 'EmptyImage', inputs: {} } };
  expect(applyOverrides(graph, { '1': { inputs: { width: 5 } } }, info)).toMatchObject({
    graph: { '1': { inputs: { width: 5 } } },
  });
});

test('an undeclared input that the graph has can be given, also in a class that is not known', () => {
  expect(problems({ '5': { inputs: { extra: 1 } } })).toEqual([]);
  const graph = { '1': { class_type: 'Gone', inputs: { x: 1 } } };
  expect(applyOverrides(graph, { '1': { inputs: { x: 2 } } }, info)).toHaveProperty('graph');
  expect(applyOverrides(graph, { '1': { inputs: { y: 2 } } }, info)).toMatchObject({
    problems: [{ type: 'unknown_input' }],
  });
});

describe('refused, all at once', () => {
  test.each<[JsonValue, string[]]>([
    [5, ['overrides invalid_overrides']],
    [null, ['overrides invalid_overrides']],
    [[], ['overrides invalid_overrides']],
    [{ '1': 5 }, ['overrides/1 invalid_overrides']],
    [{ '1': {} }, ['overrides/1 invalid_overrides']],
    [{ '1': { inputs: [] } }, ['overrides/1 invalid_overrides']],
    [
      { '77': { inputs: {} }, '1': { inputs: { colour: 1 } } },
      ['overrides/1/inputs/colour unknown_input', 'overrides/77 unknown_node'],
    ],
    [{ '1': { inputs: {}, class_type: 'SaveImage' } }, ['overrides/1/class_type invalid_overrides']],
    [{ '1': { inputs: {}, input: {} } }, ['overrides/1/input invalid_overrides']],
    [{ '1': { inputs: {}, class_type: 'EmptyImage', _meta: {} } }, []],
    [{ '4': { inputs: { image: 'x' } } }, ['overrides/4/inputs/image linked_input']],
    [{ '4': { inputs: { image: null } } }, ['overrides/4/inputs/image linked_input']],
  ])('%j: %j', (overrides, expected) => {
    expect(problems(overrides)).toEqual(expected);
  });

  test('names of the prototype, and no prototype is touched', () => {
    expect(problems(parseJson('{"__proto__":{"inputs":{}},"constructor":{"inputs":{}}}'))).toEqual([
      'overrides/__proto__ unknown_node',
      'overrides/constructor unknown_node',
    ]);
    expect(problems(parseJson('{"1":{"inputs":{"__proto__":{"polluted":1},"prototype":1,"constructor":1}}}'))).toEqual([
      'overrides/1/inputs/__proto__ unknown_input',
      'overrides/1/inputs/prototype unknown_input',
      'overrides/1/inputs/constructor unknown_input',
    ]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test('with the existing names near an unknown one', () => {
    const merged = applyOverrides(makeImageGraph(), { '44': { inputs: {} }, '4': { inputs: { heigth: 1 } } }, info);
    expect(merged).toMatchObject({
      problems: [{ nearest: ['height'], msg: expect.stringContaining("Did you mean 'height'") }, { nearest: ['4'] }],
    });
  });
});

test('ten thousand unknown names are refused quickly', () => {
  const overrides = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`node${index}`, { inputs: {} }]));
  const graph = Object.fromEntries(
    Array.from({ length: 5_000 }, (_, index) => [`nade${index}`, { class_type: 'X', inputs: {} }]),
  );
  const before = process.cpuUsage();
  expect(applyOverrides(graph, overrides, info)).toHaveProperty('problems');
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
});

test('ten thousand unknown inputs of one node are refused quickly', () => {
  const inputs = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`input${index}`, 1]));
  const before = process.cpuUsage();
  expect(problems({ '1': { inputs } })).toHaveLength(10_000);
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
});

test('a linked widget takes a literal, a big one digit for digit', () => {
  const graph = { '1': { class_type: 'KSampler', inputs: { seed: ['2', 0], sampler_name: ['3', 0] } } };
  const merged = applyOverrides(
    graph,
    parseJson('{"1":{"inputs":{"seed":18446744073709551615,"sampler_name":"euler"}}}'),
    info,
  );
  if ('problems' in merged) throw new Error('refused');
  expect(stringifyJson(merged.graph as unknown as JsonValue)).toBe(
    '{"1":{"class_type":"KSampler","inputs":{"seed":18446744073709551615,"sampler_name":"euler"}}}',
  );
});
