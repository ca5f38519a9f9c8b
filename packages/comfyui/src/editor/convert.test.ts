// What the converter refuses, warns of, and how it bears files that are made to hurt it.

import { describe, expect, it } from 'vitest';
import { readFixtureInfo } from '../../testing/fixture-info.ts';
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '../json.ts';
import { type ConvertOptions, convertWorkflow } from './convert.ts';

const info = readFixtureInfo();
const slot = (name: string, type: string, link: number | null = null): JsonObject => ({ name, type, link });
const image = (id: number): JsonObject => ({ id, type: 'EmptyImage', widgets_values: [8, 8, 1, 0] });
const preview = (id: number, link: number | null): JsonObject => ({
  id,
  type: 'PreviewImage',
  inputs: [slot('images', 'IMAGE', link)],
});
const file = (nodes: JsonValue[], links: JsonValue[] = [], more: JsonObject = {}): JsonObject => ({
  nodes,
  links,
  ...more,
});
const definition = (id: string, nodes: JsonValue[], more: JsonObject = {}): JsonObject => ({
  id,
  name: id,
  nodes,
  links: [],
  ...more,
});

function convert(workflow: JsonValue, options: ConvertOptions = {}) {
  const conversion = convertWorkflow(workflow, info, options);
  if (conversion.kind === 'refused') throw new Error(JSON.stringify(conversion.problems));
  return conversion;
}

function refuse(workflow: JsonValue, options: ConvertOptions = {}) {
  const conversion = convertWorkflow(workflow, info, options);
  if (conversion.kind === 'ok') throw new Error('it was converted');
  return conversion.problems.map(({ loc, type, msg }) => ({ at: loc.join('.'), type, msg }));
}

describe('a refusal', () => {
  it('names the node, its title and its class when the class is not known', () => {
    const [problem] = refuse(file([image(1), { id: 2, type: 'NoSuchNode', title: 'Mine' }]));
    expect(problem).toMatchObject({ at: 'nodes.1.type', type: 'unknown_class' });
    expect(problem?.msg).toContain('node 2 ("Mine", NoSuchNode)');
  });

  it('names every fault at once', () => {
    const workflow = file([{ id: 1, type: 'NoA' }, { id: 2, type: 'NoB' }, 7, { id: 3 }, { type: 'EmptyImage' }]);
    expect(refuse(workflow).map(({ at }) => at)).toEqual([
      'nodes.2',
      'nodes.3.type',
      'nodes.4',
      'nodes.0.type',
      'nodes.1.type',
    ]);
  });

  it('names the input whose link comes from nowhere', () => {
    const [problem] = refuse(file([preview(2, 1)], [[1, 9, 0, 2, 0, 'IMAGE']]));
    expect(problem).toMatchObject({ at: 'links.0', type: 'link_to_nowhere' });
    expect(problem?.msg).toContain('"images" of node 2');
  });

  it('tells a subgraph without its definition from an unknown class', () => {
    const type = '0f0e0d0c-0b0a-4908-8706-050403020100';
    expect(refuse(file([{ id: 1, type }]))).toMatchObject([{ type: 'subgraph_without_definition' }]);
    expect(refuse(file([{ id: 1, type: 'workflow>mine' }]))[0]?.msg).toContain('group node');
  });

  it('names the subgraph that contains itself', () => {
    const subgraphs = [definition('a', [{ id: 1, type: 'b' }]), definition('b', [{ id: 2, type: 'a' }])];
    const [problem] = refuse(file([{ id: 1, type: 'a' }], [], { definitions: { subgraphs } }));
    expect(problem).toMatchObject({ at: 'definitions.subgraphs.1.nodes.0', type: 'subgraph_recursion' });
  });

  it('points into the definition where the fault lies', () => {
    const subgraphs = [definition('a', [image(1), { id: 2, type: 'NoSuchNode' }])];
    const [problem] = refuse(file([{ id: 1, type: 'a' }], [], { definitions: { subgraphs } }));
    expect(problem?.at).toBe('definitions.subgraphs.0.nodes.1.type');
  });

  it.each<[string, JsonValue]>([
    ['text', 'nodes'],
    ['null', null],
    ['a list', []],
    ['an API graph', { '1': { class_type: 'A', inputs: {} } }],
  ])('answers %s', (_, workflow) => {
    expect(refuse(workflow)).toMatchObject([{ type: 'invalid_workflow' }]);
  });

  it('a graph of the API format, saying where it belongs', () => {
    const graph = { '1': { class_type: 'EmptyImage', inputs: {} } };
    expect(refuse(graph)).toMatchObject([{ msg: expect.stringContaining('workflow_api_json') }]);
  });

  it('stops a circle of reroutes', () => {
    const reroute = (id: number, link: number) => ({ id, type: 'Reroute', inputs: [slot('', '*', link)] });
    const workflow = file(
      [reroute(1, 2), reroute(2, 1), preview(3, 3)],
      [
        [1, 1, 0, 2, 0, '*'],
        [2, 2, 0, 1, 0, '*'],
        [3, 2, 0, 3, 0, '*'],
      ],
    );
    expect(refuse(workflow)).toMatchObject([{ type: 'link_loop' }]);
  });
});

describe('a conversion', () => {
  it('keeps integers of any size and numbers as they were written', () => {
    const values = '[18446744073709551615,"fixed",20,8.0,"euler","normal",1e0]';
    const workflow = parseJson(`{"nodes":[{"id":1,"type":"KSampler","widgets_values":${values}}],"links":[]}`);
    const text = stringifyJson(convert(workflow).graph as unknown as JsonValue);
    expect(text).toContain('"seed":18446744073709551615');
    expect(text).toContain('"cfg":8.0');
  });

  it('chooses in a prompt by the number it is given, and always the first without one', () => {
    const workflow = file([{ id: 1, type: 'CLIPTextEncode', widgets_values: ['a {red|{dark|light} blue} cat'] }]);
    const text = (options?: ConvertOptions) => convert(workflow, options).graph['1']?.inputs['text'];
    expect([text(), text({ random: () => 0.99 })]).toEqual(['a red cat', 'a light blue cat']);
  });

  it('fills in the date of a file name when it is told the time', () => {
    const workflow = file([{ id: 1, type: 'SaveImage', widgets_values: ['%date:yyyy-MM-dd_hhmmss%/%date:yy d%'] }]);
    const name = (options?: ConvertOptions) => convert(workflow, options).graph['1']?.inputs['filename_prefix'];
    expect(name({ now: new Date(2026, 0, 5, 7, 8, 9) })).toBe('2026-01-05_070809/26 5');
    expect(name()).toBe('%date:yyyy-MM-dd_hhmmss%/%date:yy d%');
  });

  it('takes values that are stored by name', () => {
    const workflow = file([{ id: 1, type: 'EmptyImage', widgets_values: { color: 4, width: 9 } }]);
    expect(convert(workflow).graph['1']?.inputs).toMatchObject({ width: 9, height: 512, color: 4 });
  });

  it('says where each node stands in the file', () => {
    const subgraphs = [definition('a', [image(4)])];
    const { places } = convert(file([image(1), { id: 2, type: 'a' }], [], { definitions: { subgraphs } }));
    expect([...places]).toEqual([
      ['1', ['nodes', 0]],
      ['2:4', ['definitions', 'subgraphs', 0, 'nodes', 0]],
    ]);
  });

  it('writes no output node of an instance that is bypassed within another', () => {
    const subgraphs = [definition('a', [image(4), preview(5, null)]), definition('b', [{ id: 6, type: 'a', mode: 4 }])];
    const { graph } = convert(file([{ id: 1, type: 'b' }], [], { definitions: { subgraphs } }));
    expect(Object.keys(graph)).toEqual(['1:6:4']);
  });

  it('leaves out the nodes of packs that only live in the editor', () => {
    const workflow = file([
      image(1),
      { id: 2, type: 'Fast Groups Bypasser (rgthree)' },
      { id: 3, type: 'Label (rgthree)' },
    ]);
    expect(Object.keys(convert(workflow).graph)).toEqual(['1']);
  });

  it('replaces a group node by its nodes, with its values and its links', () => {
    const group = {
      nodes: [
        { type: 'EmptyImage', widgets_values: [1, 2, 3, 4] },
        { type: 'ImageBlend', inputs: [slot('image1', 'IMAGE'), slot('image2', 'IMAGE')] },
      ],
      links: [[0, 0, 1, 1, 1, 'IMAGE']],
    };
    const nodes = [
      image(1),
      { id: 2, type: 'workflow/g', inputs: [slot('image1', 'IMAGE', 1)], widgets_values: [9, 8] },
      preview(3, 2),
    ];
    const links = [
      [1, 1, 0, 2, 0, 'IMAGE'],
      [2, 2, 0, 3, 0, 'IMAGE'],
    ];
    const { graph } = convert(file(nodes, links, { extra: { groupNodes: { g: group } } }));
    expect(graph).toMatchObject({
      '2:0': { inputs: { width: 9, height: 8, batch_size: 1, color: 0 } },
      '2:1': { inputs: { image1: ['1', 0], image2: ['2:0', 0], blend_factor: 0.5 } },
      '3': { inputs: { images: ['2:1', 0] } },
    });
  });
});
