// CustomCombo: what it sends, and the index that follows a choice made outside.

import { expect, it } from 'vitest';
import type { JsonValue } from '../json.ts';
import type { ObjectInfo } from '../object-info.ts';
import { convertWorkflow } from './convert.ts';

const info = {
  CustomCombo: { input: { required: { choice: ['COMBO', { options: [] }] } }, output: ['STRING', 'INT'] },
} as unknown as ObjectInfo;
const combo: JsonValue = { id: 1, type: 'CustomCombo', widgets_values: ['b', 1, 'a', 'b', ''] };
const options = { option1: 'a', option2: 'b', option3: '' };

function inputsOf(workflow: JsonValue, id: string) {
  const conversion = convertWorkflow(workflow, info);
  return conversion.kind === 'ok' ? conversion.graph[id]?.inputs : conversion.problems;
}

it('sends its options and the index of the one chosen', () => {
  expect(inputsOf({ nodes: [combo], links: [] }, '1')).toEqual({ choice: 'b', index: 1, ...options });
});

it('follows a choice that the subgraph around it shows', () => {
  const inner = {
    ...(combo as object),
    inputs: [{ name: 'choice', type: 'COMBO', link: 1, widget: { name: 'choice' } }],
  };
  const definition = {
    id: 's',
    inputs: [{ name: 'pick', type: 'COMBO', linkIds: [1] }],
    nodes: [inner],
    links: [{ id: 1, origin_id: -10, origin_slot: 0, target_id: 1, target_slot: 0 }],
  };
  const workflow = {
    nodes: [{ id: 5, type: 's', widgets_values: ['a'] }],
    definitions: { subgraphs: [definition] },
  } as unknown as JsonValue;
  expect(inputsOf(workflow, '5:1')).toEqual({ choice: 'a', index: 0, ...options });
});
