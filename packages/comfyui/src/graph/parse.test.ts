import { expect, test } from 'vitest';
import { parseJson } from '../json.ts';
import { isEditorFormat, parseGraph } from './parse.ts';

function problems(text: string): string[] {
  const parsed = parseGraph(parseJson(text));
  return 'problems' in parsed ? parsed.problems.map(({ loc, type }) => `${loc.join('/')} ${type}`) : [];
}

test('a node keeps its class, inputs and title, and nothing else', () => {
  const parsed = parseGraph({ '1': { class_type: 'A', inputs: { x: 1 }, _meta: { title: 't' }, is_changed: ['y'] } });
  expect(parsed).toEqual({ graph: { '1': { class_type: 'A', inputs: { x: 1 }, _meta: { title: 't' } } } });
});

test('a graph of more nodes than are taken is refused as a whole', () => {
  const graph = Object.fromEntries(['1', '2', '3'].map((id) => [id, { class_type: 'A', inputs: {} }]));
  expect(parseGraph(graph, 3)).toHaveProperty('graph');
  expect(parseGraph(graph, 2)).toMatchObject({ problems: [{ loc: [], type: 'too_many_nodes' }] });
});

test.each([
  ['[1]', [' invalid_prompt']],
  ['null', [' invalid_prompt']],
  ['5.0', [' invalid_prompt']],
  ['{"1":5,"2":null,"3":"x","4":[]}', ['1 invalid_prompt', '2 invalid_prompt', '3 invalid_prompt', '4 invalid_prompt']],
  ['{"1":{"inputs":{}}}', ['1/class_type invalid_prompt']],
  ['{"1":{"class_type":5,"inputs":{}}}', ['1/class_type invalid_prompt']],
  ['{"1":{"class_type":"A"}}', ['1/inputs exception_during_validation']],
  ['{"1":{"class_type":"A","inputs":[]}}', ['1/inputs exception_during_validation']],
  [
    '{"1":{"class_type":"A","inputs":1.0},"2":{}}',
    ['1/inputs exception_during_validation', '2/class_type invalid_prompt', '2/inputs exception_during_validation'],
  ],
  ['{"__proto__":{"class_type":"A","inputs":{}}}', ['__proto__ forbidden_name']],
  ['{"1":{"class_type":"A","inputs":{"__proto__":1}}}', ['1/inputs/__proto__ forbidden_name']],
  ['{"1":{"__proto__":{"class_type":"A"},"inputs":{}}}', ['1/class_type invalid_prompt']],
])('every fault of shape is named: %s', (text, expected) => {
  expect(problems(text)).toEqual(expected);
});

test("the editor's format is told apart and the message says what to do", () => {
  const editor = { nodes: [], links: [], version: 0.4 };
  expect(isEditorFormat(editor)).toBe(true);
  expect(isEditorFormat({ nodes: { class_type: 'A', inputs: {} }, links: { class_type: 'B', inputs: {} } })).toBe(
    false,
  );
  expect(parseGraph(editor)).toMatchObject({
    problems: [{ type: 'editor_format', msg: expect.stringContaining('Export') }],
  });
});
