// The error objects of POST /prompt, word for word as ComfyUI 0.3.64 writes them. Made by the validator only.
import type { JsonValue } from '@comfleet/comfyui';
import type { PythonError } from '../python/errors.ts';
import { repr, str } from '../python/text.pure.ts';
import type { ClassInput } from './class-spec.pure.ts';

export interface PromptError {
  type: string;
  message: string;
  details: string;
  extra_info: Record<string, JsonValue>;
}

const about = (input: ClassInput) => ({ input_name: input.name, input_config: input.config });

export function promptError(type: string, message: string, details = ''): PromptError {
  return { type, message, details, extra_info: {} };
}

export function requiredInputMissing(name: string): PromptError {
  return {
    type: 'required_input_missing',
    message: 'Required input is missing',
    details: name,
    extra_info: { input_name: name },
  };
}

export function badLinkedInput(input: ClassInput, received: JsonValue): PromptError {
  return {
    type: 'bad_linked_input',
    message: 'Bad linked input, must be a length-2 list of [node_id, slot_index]',
    details: input.name,
    extra_info: { ...about(input), received_value: received },
  };
}

export function returnTypeMismatch(input: ClassInput, received: JsonValue, link: JsonValue): PromptError {
  return {
    type: 'return_type_mismatch',
    message: 'Return type mismatch between linked nodes',
    details: `${input.name}, received_type(${str(received)}) mismatch input_type(${str(input.type)})`,
    extra_info: { ...about(input), received_type: received, linked_node: link },
  };
}

export function invalidInputType(input: ClassInput, received: JsonValue, failure: string): PromptError {
  return {
    type: 'invalid_input_type',
    message: `Failed to convert an input value to a ${str(input.type)} value`,
    details: `${input.name}, ${str(received)}, ${failure}`,
    extra_info: { ...about(input), received_value: received, exception_message: failure },
  };
}

export function outOfRange(input: ClassInput, received: JsonValue, bound: 'min' | 'max'): PromptError {
  const words = bound === 'min' ? 'smaller than min' : 'bigger than max';
  return {
    type: bound === 'min' ? 'value_smaller_than_min' : 'value_bigger_than_max',
    message: `Value ${str(received)} ${words} of ${str(input.options[bound])}`,
    details: input.name,
    extra_info: { ...about(input), received_value: received },
  };
}

const LONGEST_LIST_SHOWN = 20;

export function valueNotInList(input: ClassInput, received: JsonValue, options: JsonValue[]): PromptError {
  const isLong = options.length > LONGEST_LIST_SHOWN;
  const shown = isLong ? `(list of length ${options.length})` : repr(options);
  return {
    type: 'value_not_in_list',
    message: 'Value not in list',
    details: `${input.name}: '${str(received)}' not in ${shown}`,
    extra_info: { input_name: input.name, input_config: isLong ? null : input.config, received_value: received },
  };
}

export function customValidationFailed(name: string, reason: string): PromptError {
  return {
    type: 'custom_validation_failed',
    message: 'Custom validation failed for node',
    details: `${name} - ${reason}`,
    extra_info: { input_name: name },
  };
}

// The real traceback names ComfyUI's own files: one line is enough for a reader and for clients that expect a list.
const TRACEBACK = [
  '  File "/ComfyUI/execution.py", line 830, in validate_prompt\n    m = await validate_inputs(prompt_id, prompt, o, validated)\n',
];

export function exceptionDuringValidation(error: PythonError): PromptError {
  return {
    type: 'exception_during_validation',
    message: 'Exception when validating node',
    details: error.message,
    extra_info: { exception_type: error.type, traceback: TRACEBACK },
  };
}

export function exceptionDuringInnerValidation(error: PythonError, input: ClassInput, link: JsonValue): PromptError {
  return {
    type: 'exception_during_inner_validation',
    message: 'Exception when validating inner node',
    details: error.message,
    extra_info: {
      ...about(input),
      exception_message: error.message,
      exception_type: error.type,
      traceback: TRACEBACK,
      linked_node: link,
    },
  };
}
