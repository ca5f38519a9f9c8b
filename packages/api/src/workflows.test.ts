import { expect, test } from 'vitest';
import { readVersionCreate } from './workflows.ts';

const GRAPH = { '1': { class_type: 'EmptyImage', inputs: { seed: 2n ** 63n } } };

test('a version is made of the graph in either format, or both', () => {
  expect(readVersionCreate({ workflow_api_json: GRAPH })).toEqual({ kind: 'ok', value: { workflow_api_json: GRAPH } });
  expect(readVersionCreate({ workflow_json: { nodes: [] } })).toMatchObject({ kind: 'ok' });
  expect(readVersionCreate({ workflow_api_json: GRAPH, workflow_json: {} })).toMatchObject({ kind: 'ok' });
});

test('the graph comes out as it went in, exact numbers and all', () => {
  const result = readVersionCreate({ workflow_api_json: GRAPH });
  expect(result.kind === 'ok' && result.value.workflow_api_json).toBe(GRAPH);
});

test.each([
  [{}, undefined],
  [{ workflow_api_json: null }, undefined],
  [{ workflow: GRAPH }, 'workflow'],
  [{ prompt: GRAPH }, 'prompt'],
  [{ workflow_apijson: GRAPH }, 'workflow_apijson'],
])('a body without a graph is refused, and a key that could be it is named (%#)', (body, near) => {
  const result = readVersionCreate(body);
  const [problem] = result.kind === 'refused' ? result.problems : [];
  expect(problem).toMatchObject({ loc: ['body', 'workflow_api_json'], type: 'missing' });
  if (near !== undefined) expect(problem?.msg).toContain(`There is "${near}"`);
});

test('a body that is no object is one problem', () => {
  expect(readVersionCreate([])).toMatchObject({ problems: [{ loc: ['body'], type: 'wrong_type' }] });
});

test('parameters are a list or a map by name, and come out as a list', () => {
  const target = { node: '6', input: 'text', label: 'Prompt' };
  const expected = { kind: 'ok', value: { workflow_api_json: GRAPH, parameters: [{ name: 'prompt', ...target }] } };
  expect(readVersionCreate({ workflow_api_json: GRAPH, parameters: [{ name: 'prompt', ...target }] })).toEqual(
    expected,
  );
  expect(readVersionCreate({ workflow_api_json: GRAPH, parameters: { prompt: target } })).toEqual(expected);
});

test('a parameter without its node is a problem at that parameter', () => {
  expect(readVersionCreate({ workflow_api_json: GRAPH, parameters: { prompt: { input: 'text' } } })).toMatchObject({
    problems: [{ loc: ['body', 'parameters', 'prompt', 'node'], type: 'missing' }],
  });
});

test('texts may have line breaks but not the one character PostgreSQL cannot store', () => {
  expect(readVersionCreate({ workflow_api_json: GRAPH, readme: '# A\n\tb' })).toMatchObject({ kind: 'ok' });
  expect(readVersionCreate({ workflow_api_json: GRAPH, readme: 'a\u0000' })).toMatchObject({
    problems: [{ loc: ['body', 'readme'], type: 'bad_format' }],
  });
});

test('a graph sent as the whole body is told how to be wrapped', () => {
  const result = readVersionCreate({ '3': { class_type: 'EmptyImage', inputs: {} } });
  expect(result).toMatchObject({ problems: [{ msg: expect.stringContaining('{"workflow_api_json": <the graph>}') }] });
});

test('a version has so many parameters', () => {
  const list = Array.from({ length: 501 }, (_, index) => ({ name: `p${index}`, node: '1', input: `i${index}` }));
  expect(readVersionCreate({ workflow_api_json: GRAPH, parameters: list.slice(1) })).toMatchObject({ kind: 'ok' });
  expect(readVersionCreate({ workflow_api_json: GRAPH, parameters: list })).toMatchObject({
    problems: [{ loc: ['body', 'parameters'], type: 'too_long' }],
  });
});
