import { expect, test } from 'vitest';
import type { NodeInfo, ObjectInfo } from '../object-info.ts';
import { hasDynamicInputs, resolveInputs } from './dynamic-inputs.ts';
import { applyOverrides } from './overrides.ts';
import { validateGraph } from './validate.ts';

const grown: NodeInfo = {
  python_module: 'comfy_extras.x',
  output_node: true,
  output: [],
  input: {
    required: {
      images: [
        'COMFY_AUTOGROW_V3',
        { template: { input: { required: { image: ['IMAGE', {}] } }, prefix: 'image', min: 2, max: 4 } },
      ],
      named: [
        'COMFY_AUTOGROW_V3',
        { template: { input: { optional: { n: ['INT', { min: 1 }] } }, names: ['a', 'b'], min: 1 } },
      ],
    },
  },
};
const chosen: NodeInfo = {
  python_module: 'comfy_extras.x',
  output_node: true,
  output: [],
  input: {
    required: {
      format: [
        'COMFY_DYNAMICCOMBO_V3',
        {
          options: [
            {
              key: 'mp4',
              inputs: { required: { codec: ['COMBO', { options: ['h264'] }], crf: ['INT', { min: 0, max: 51 }] } },
            },
            { key: 'gif', inputs: {} },
          ],
        },
      ],
      any: ['COMFY_MATCHTYPE_V3', { template: {} }],
    },
    optional: {
      slot: ['COMFY_DYNAMICSLOT_V3', { inputs: { required: { strength: ['FLOAT', {}] } } }],
      odd: ['COMFY_FUTURE_V3', {}],
    },
  },
};

function names(info: NodeInfo, live: Parameters<typeof resolveInputs>[1]): string[] {
  return resolveInputs(info, live).specs.map(({ name, category }) => `${name}${category === 'optional' ? '?' : ''}`);
}

test('an autogrow input becomes its numbered or named keys, the first of them required', () => {
  expect(names(grown, {})).toEqual([
    'images.image0',
    'images.image1',
    'images.image2?',
    'images.image3?',
    'named.a?',
    'named.b?',
  ]);
});

test('a dynamic combo brings the inputs of the option chosen', () => {
  expect(names(chosen, { format: 'mp4' })).toEqual(['format', 'format.codec', 'format.crf', 'any']);
  expect(names(chosen, { format: 'gif', slot: ['1', 0] })).toEqual(['format', 'any', 'slot?', 'slot.strength']);
});

test('what only the back end can decide is left open', () => {
  expect(resolveInputs(chosen, { format: 'nope' }).open).toEqual(['format', 'odd']);
  expect(hasDynamicInputs(chosen)).toBe(true);
  expect(hasDynamicInputs({ input: { required: { any: ['COMFY_MATCHTYPE_V3', {}] } } })).toBe(false);
});

test('the expanded inputs are judged like any other', () => {
  const info: ObjectInfo = { Grown: grown, Chosen: chosen };
  const judge = (classType: string, inputs: Parameters<typeof resolveInputs>[1]) =>
    validateGraph({ '1': { class_type: classType, inputs } }, info);
  expect(judge('Chosen', { format: 'mp4', 'format.codec': 'h264', 'format.crf': 99, any: 1 })).toMatchObject({
    problems: [{ loc: ['1', 'inputs', 'format.crf'], type: 'value_bigger_than_max' }],
  });
  expect(judge('Chosen', { format: 'nope', any: 1 })).toMatchObject({ verdict: 'ask' });
  expect(judge('Grown', { 'images.image0': 'x' })).toMatchObject({
    problems: [{ loc: ['1', 'inputs', 'images.image1'], type: 'required_input_missing' }],
  });
});

test('an override may name a dotted key, also one that another override makes exist', () => {
  const info: ObjectInfo = { Chosen: chosen };
  const graph = { '1': { class_type: 'Chosen', inputs: { format: 'gif' } } };
  expect(applyOverrides(graph, { '1': { inputs: { format: 'mp4', 'format.crf': 20 } } }, info)).toHaveProperty('graph');
  expect(applyOverrides(graph, { '1': { inputs: { fromat: 'mp4' } } }, info)).toMatchObject({
    problems: [{ nearest: ['format'] }],
  });
});
