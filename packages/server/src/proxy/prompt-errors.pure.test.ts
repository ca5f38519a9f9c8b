import { expect, it } from 'vitest';
import { describeProblems, noPrompt } from './prompt-errors.pure.ts';

const GRAPH = { '1': { class_type: 'A', inputs: {} } };

it('says no_prompt as ComfyUI does', () => {
  expect(noPrompt()).toEqual({
    error: { type: 'no_prompt', message: 'No prompt provided', details: 'No prompt provided', extra_info: {} },
    node_errors: {},
  });
});

it('names the node whose class is unknown, and no node errors', () => {
  const problem = { loc: ['1', 'class_type'], msg: 'Cannot execute', type: 'unknown_node_type', input: 'B' };
  expect(describeProblems([problem], GRAPH)).toEqual({
    error: { type: 'invalid_prompt', message: 'Cannot execute', details: "Node ID '#1'", extra_info: {} },
    node_errors: {},
  });
});

it('groups the faults of inputs by node', () => {
  const fault = (name: string) => ({ loc: ['1', 'inputs', name], msg: name, type: 'value_not_in_list', input: 5 });
  expect(describeProblems([fault('a'), fault('b')], GRAPH)).toMatchObject({
    error: { type: 'prompt_outputs_failed_validation' },
    node_errors: {
      '1': {
        class_type: 'A',
        errors: [
          { type: 'value_not_in_list', details: 'a', extra_info: { input_name: 'a', received_value: 5 } },
          { type: 'value_not_in_list', details: 'b' },
        ],
      },
    },
  });
});
