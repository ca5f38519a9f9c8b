// Files made to hurt: whatever they hold, the converter answers, and in little time.

import { describe, expect, it } from 'vitest';
import { readFixtureInfo } from '../../testing/fixture-info.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { convertWorkflow } from './convert.ts';
import { resolvePrompt } from './prompt-text.ts';

const info = readFixtureInfo();
/** A quadratic way would take minutes; the machine may be busy. */
const LIMIT_MS = 5_000;

function timed<T>(run: () => T): T {
  const before = process.cpuUsage();
  const result = run();
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(LIMIT_MS);
  return result;
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('a file of a size', () => {
  it('with a chain of 10,000 reroutes that all have a user is followed once', () => {
    const nodes: JsonObject[] = [{ id: 'a', type: 'EmptyImage' }];
    const links: JsonValue[] = [];
    for (const index of range(10_000)) {
      nodes.push({ id: `r${index}`, type: 'Reroute' }, { id: `p${index}`, type: 'PreviewImage' });
      links.push([`${index}`, index === 0 ? 'a' : `r${index - 1}`, 0, `r${index}`, 0, '*']);
      links.push([`u${index}`, `r${index}`, 0, `p${index}`, 0, 'IMAGE']);
    }
    const conversion = timed(() => convertWorkflow({ nodes, links }, info, { maxNodes: 200_000 }));
    expect(conversion.kind === 'ok' && conversion.graph['p9999']?.inputs['images']).toEqual(['a', 0]);
  });

  it('whose subgraphs multiply is refused', () => {
    const subgraphs = range(40).map((index) => ({
      id: `s${index}`,
      nodes: [1, 2].map((id) => ({ id, type: index === 39 ? 'EmptyImage' : `s${index + 1}` })),
    }));
    const conversion = timed(() =>
      convertWorkflow({ nodes: [{ id: 1, type: 's0' }], definitions: { subgraphs } }, info),
    );
    expect(conversion).toMatchObject({ kind: 'refused', problems: [{ type: 'too_many_nodes' }] });
  });

  it('that nests 1,000 subgraphs is converted', () => {
    const subgraphs = range(1_000).map((index) => ({
      id: `s${index}`,
      nodes: [{ id: 1, type: index === 999 ? 'EmptyImage' : `s${index + 1}` }],
    }));
    const conversion = timed(() =>
      convertWorkflow({ nodes: [{ id: 1, type: 's0' }], definitions: { subgraphs } }, info),
    );
    expect(conversion).toMatchObject({ kind: 'ok' });
  });

  it('with very many inputs at very many instances is refused', () => {
    const inputs = range(20_000).map((index) => ({ name: `i${index}`, type: 'INT' }));
    const nodes = range(20_000).map((id) => ({ id, type: 's' }));
    const conversion = timed(() =>
      convertWorkflow({ nodes, definitions: { subgraphs: [{ id: 's', nodes: [], inputs }] } }, info),
    );
    expect(conversion).toMatchObject({ kind: 'refused', problems: [{ type: 'too_many_inputs' }] });
  });

  it('with very many group nodes is refused', () => {
    const inner = range(3_000).map(() => ({ type: 'EmptyImage' }));
    const nodes = range(3_000).map((id) => ({ id, type: 'workflow>g' }));
    const conversion = timed(() =>
      convertWorkflow({ nodes, extra: { groupNodes: { g: { nodes: inner, links: [] } } } }, info),
    );
    expect(conversion.kind).toBe('refused');
  });

  it('whose slots block each other is converted', () => {
    const inputs = range(20_000).map((index) => ({ name: `x${index + 1}`, type: 'IMAGE', link: index }));
    const links = range(20_000).map((index) => [index, 1, 0, 2, index, 'IMAGE']);
    const nodes = [
      { id: 1, type: 'EmptyImage' },
      { id: 2, type: 'PreviewImage', inputs },
    ];
    expect(timed(() => convertWorkflow({ nodes, links }, info)).kind).toBe('ok');
  });
});

describe('an object_info made to hurt', () => {
  const required = Object.fromEntries(range(5_000).map((index) => [`i${index}`, ['INT', {}] as JsonValue]));
  const own = { ...info, X: { input: { required }, output: [], output_node: true } };

  it('whose class has very many inputs is refused where it stands very often', () => {
    const nodes = range(5_000).map((id) => ({ id, type: 'X' }));
    const conversion = timed(() => convertWorkflow({ nodes }, own));
    expect(conversion).toMatchObject({ kind: 'refused', problems: [{ type: 'too_many_inputs' }] });
    expect(convertWorkflow({ nodes: nodes.slice(0, 3) }, own).kind).toBe('ok');
  });

  it('is refused as well where a subgraph multiplies the node', () => {
    const nodes = range(5_000).map((id) => ({ id, type: 's' }));
    const definitions = { subgraphs: [{ id: 's', nodes: [{ id: 1, type: 'X' }] }] };
    const conversion = timed(() => convertWorkflow({ nodes, definitions }, own));
    expect(conversion).toMatchObject({ kind: 'refused', problems: [{ type: 'too_many_inputs' }] });
  });
});

describe('a file of names that were made for it', () => {
  it('numbers nodes of one id anew, although the names for that are taken', () => {
    const taken = range(8_000).map((index) => ({ id: `1_${8_001 + index}`, type: 'EmptyImage' }));
    const nodes = [...taken, ...range(8_000).map(() => ({ id: 1, type: 'EmptyImage' }))];
    const conversion = timed(() => convertWorkflow({ nodes }, info));
    expect(conversion.kind === 'ok' && Object.keys(conversion.graph)).toHaveLength(16_000);
  });

  it('is refused when an id is a text of thousands, by itself or by nesting', () => {
    const long = timed(() => convertWorkflow({ nodes: [{ id: 'x'.repeat(1_000_000), type: 'EmptyImage' }] }, info));
    expect(long).toMatchObject({ kind: 'refused', problems: [{ type: 'invalid_node' }] });
    const id = 'x'.repeat(200);
    const subgraphs = range(2_000).map((index) => ({ id: `s${index}`, nodes: [{ id, type: `s${index + 1}` }] }));
    const deep = timed(() => convertWorkflow({ nodes: [{ id, type: 's0' }], definitions: { subgraphs } }, info));
    expect(deep).toMatchObject({ kind: 'refused', problems: [{ type: 'nested_too_deep' }] });
  });

  it('reads only so many ids in front of a promoted widget', () => {
    const instance = { id: 1, type: 's', properties: { proxyWidgets: [['1', `${'1:'.repeat(200_000)}width`]] } };
    const definitions = { subgraphs: [{ id: 's', nodes: [{ id: 1, type: 'EmptyImage' }] }] };
    expect(timed(() => convertWorkflow({ nodes: [instance], definitions }, info)).kind).toBe('ok');
  });

  it('is refused when it lists more nodes than could ever run', () => {
    const nodes = range(50_000).map((id) => ({ id, type: 'Note' }));
    expect(convertWorkflow({ nodes }, info, { maxNodes: 5_000 })).toMatchObject({
      kind: 'refused',
      problems: [{ type: 'too_many_nodes' }],
    });
  });
});

describe('a file with broadcasts', () => {
  const send = (id: number, more: JsonObject = {}) => ({
    id,
    type: 'Anything Everywhere',
    inputs: [{ name: 'anything', type: 'IMAGE', link: id }],
    properties: { ue_properties: { version: '7.5', ...more } },
  });

  it('of very many senders is refused', () => {
    const nodes = [{ id: 'a', type: 'EmptyImage' }, ...range(3_000).map((id) => send(id))];
    const links = range(3_000).map((id) => [id, 'a', 0, id, 0, 'IMAGE']);
    const conversion = timed(() => convertWorkflow({ nodes, links }, info));
    expect(conversion).toMatchObject({ kind: 'refused', problems: [{ type: 'too_many_broadcasts' }] });
  });

  it.each([
    '(a+)+$',
    '(.*)*x',
    '[',
    '((((',
    '(?=a)*',
    'a'.repeat(5_000),
    `${'a?'.repeat(60)}${'a'.repeat(60)}b`,
    `${'(a|a)'.repeat(39)}b`,
    '.*.*.*.*b',
  ])('with the pattern %s is converted', (pattern) => {
    const nodes = [
      { id: 'a', type: 'EmptyImage' },
      send(1, { title_regex: pattern, input_regex: pattern }),
      { id: 2, type: 'PreviewImage', title: 'a'.repeat(100_000) },
    ];
    const conversion = timed(() => convertWorkflow({ nodes, links: [[1, 'a', 0, 1, 0, 'IMAGE']] }, info));
    expect(conversion.kind).toBe('ok');
  });

  it('of slow patterns is refused before they have taken long', () => {
    const nodes = [
      { id: 'a', type: 'EmptyImage' },
      ...range(20).map((id) => send(id, { title_regex: '.*.*x' })),
      ...range(200).map((id) => ({ id: `p${id}`, type: 'PreviewImage', title: 'a'.repeat(100) })),
    ];
    const links = range(20).map((id) => [id, 'a', 0, id, 0, 'IMAGE']);
    const conversion = timed(() => convertWorkflow({ nodes, links }, info));
    expect(conversion).toMatchObject({ kind: 'refused', problems: [{ type: 'too_many_broadcasts' }] });
  });

  it.each<[pattern: string, title: string, isSent: boolean]>([
    ['.*view.*', 'A view of it', true],
    ['^(left|right) eye$', 'right eye', true],
    ['^(left|right) eye$', 'third eye', false],
    ['colou?r', 'color', true],
    ['first|second|third', 'the third', true],
  ])('%s is matched against %s as a pattern', (pattern, title, isSent) => {
    const nodes = [
      { id: 'a', type: 'EmptyImage' },
      send(1, { title_regex: pattern }),
      { id: 2, type: 'PreviewImage', title },
    ];
    const conversion = convertWorkflow({ nodes, links: [[1, 'a', 0, 1, 0, 'IMAGE']] }, info);
    expect(conversion.kind === 'ok' && conversion.graph['2']?.inputs['images']).toEqual(isSent ? ['a', 0] : undefined);
  });
});

describe('a prompt', () => {
  it.each<[string, string]>([
    ['of comments that are never closed', '/*'.repeat(200_000)],
    ['of open braces', '{'.repeat(100_000)],
    ['of choices', '{a|'.repeat(200_000)],
    ['of slashes', '/'.repeat(500_000)],
    ['of backslashes', '\\'.repeat(500_000)],
  ])('%s takes little time', (_, text) => {
    expect(timed(() => resolvePrompt(text, () => 0))).toBeTypeOf('string');
  });
});

describe('a file of wrong types', () => {
  const odd: JsonValue[] = [null, true, 7, 1.5, -1, '', '__proto__', 'constructor', [], [[]], {}, { a: 1 }, 10n ** 30n];
  const nodeKeys = ['id', 'type', 'mode', 'title', 'inputs', 'outputs', 'widgets_values', 'properties'];
  const fileKeys = ['nodes', 'links', 'definitions', 'extra', 'groups', 'version'];
  const base = (): JsonObject => ({
    nodes: [
      { id: 1, type: 'EmptyImage', widgets_values: [1, 2, 3, 4], properties: {} },
      {
        id: 2,
        type: 's',
        inputs: [{ name: 'i', type: 'IMAGE', link: 1 }],
        properties: { proxyWidgets: [['1', 'width']] },
      },
      { id: 3, type: 'PrimitiveNode', outputs: [{ name: 'INT', type: 'INT', links: [2] }], widgets_values: [5] },
    ],
    links: [
      [1, 1, 0, 2, 0, 'IMAGE'],
      [2, 3, 0, 1, 0, 'INT'],
    ],
    definitions: {
      subgraphs: [
        {
          id: 's',
          inputs: [{ name: 'i', type: 'IMAGE', linkIds: [1] }],
          outputs: [],
          nodes: [{ id: 1, type: 'EmptyImage' }],
          links: [],
        },
      ],
    },
    extra: { groupNodes: { g: { nodes: [], links: [] } }, ue_links: [] },
  });

  it.each(fileKeys)('at %s never throws', (key) => {
    for (const value of odd) {
      for (const wrong of [
        value,
        [value],
        { [key]: value },
        { subgraphs: [value] },
        { groupNodes: value, ue_links: value },
      ]) {
        expect(convertWorkflow({ ...base(), [key]: wrong }, info)).toHaveProperty('kind');
      }
    }
  });

  it.each(nodeKeys)("at a node's %s never throws", (key) => {
    for (const value of odd) {
      for (const index of [0, 1, 2]) {
        for (const wrong of [value, [value], { [key]: value }]) {
          const file = base();
          const nodes = file['nodes'] as JsonObject[];
          nodes[index] = { ...nodes[index], [key]: wrong };
          expect(convertWorkflow(file, info)).toHaveProperty('kind');
        }
      }
    }
  });

  it('takes no name for a member of the prototype', () => {
    const workflow = JSON.parse(
      '{"nodes":[{"id":"__proto__","type":"EmptyImage"},{"id":1,"type":"constructor"},{"id":2,"type":"PreviewImage","inputs":[{"name":"__proto__","type":"IMAGE","link":1}]}],"links":[[1,"__proto__",0,2,1,"IMAGE"]]}',
    ) as JsonValue;
    const conversion = convertWorkflow(workflow, info);
    expect(conversion).toMatchObject({
      kind: 'refused',
      problems: [{ type: 'forbidden_name' }, { type: 'unknown_class' }],
    });
    expect(({} as Record<string, unknown>)['class_type']).toBeUndefined();
  });
});
