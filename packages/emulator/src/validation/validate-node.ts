// One node's inputs against its class: the port of ComfyUI 0.3.64's execution.py:validate_inputs, including its memo
// table, its in-place coercion and where python's exceptions land. Called by validate-prompt.ts for each output node.
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { LosslessNumber } from '@comfleet/comfyui';
import { coerce, isEqual, isLess } from '../python/coerce.pure.ts';
import { PythonError } from '../python/errors.ts';
import { isFloat, isNumber, toDouble } from '../python/numbers.pure.ts';
import { repr, typeName } from '../python/text.pure.ts';
import type { ClassInput, ClassSpec } from './class-spec.pure.ts';
import * as errors from './errors.pure.ts';
import { isTypeMatch } from './type-match.pure.ts';

/** A class's own VALIDATE_INPUTS: it takes over the inputs that it names. */
export interface OwnValidator {
  inputs: readonly string[];
  validate(inputs: Record<string, unknown>): Promise<true | string>;
}

export interface NodeClass {
  spec: ClassSpec;
  ownValidator?: OwnValidator;
}

export interface Verdict {
  isValid: boolean;
  errors: errors.PromptError[];
}

export interface Validation {
  prompt: Record<string, JsonObject>;
  findClass(classType: string): NodeClass | undefined;
  validated: Map<string, Verdict>;
  /** Nodes whose validation is under way: meeting one again is a cycle, which ends python's recursion the hard way. */
  open: Set<string>;
}

const IN_A_CYCLE: Verdict = { isValid: false, errors: [] };

export async function validateNode(validation: Validation, nodeId: string): Promise<Verdict> {
  const known = validation.validated.get(nodeId);
  if (known) return known;
  if (validation.open.has(nodeId)) return IN_A_CYCLE;
  validation.open.add(nodeId);
  try {
    const verdict = await validateInputs(validation, nodeId);
    validation.validated.set(nodeId, verdict);
    return verdict;
  } finally {
    validation.open.delete(nodeId);
  }
}

async function validateInputs(validation: Validation, nodeId: string): Promise<Verdict> {
  const node = validation.prompt[nodeId] ?? {};
  const inputs = readInputs(node);
  const nodeClass = classOf(validation, node);
  const verdict: Verdict = { isValid: true, errors: [] };
  for (const input of nodeClass.spec.inputs) {
    const value = memberOf(inputs, input.name);
    if (value === undefined) {
      if (input.isRequired) verdict.errors.push(errors.requiredInputMissing(input.name));
    } else if (Array.isArray(value)) {
      await validateLink(validation, { input, link: value, verdict });
    } else {
      const error = validateConstant({ inputs, input, nodeClass }, value);
      if (error) verdict.errors.push(error);
    }
  }
  await runOwnValidator(nodeClass, { inputs, classType: String(node['class_type']), verdict });
  if (verdict.errors.length > 0) verdict.isValid = false;
  return verdict;
}

function readInputs(node: JsonObject): JsonObject {
  const inputs = node['inputs'];
  if (inputs === undefined) throw new PythonError('KeyError', "'inputs'");
  if (typeof inputs === 'object' && inputs !== null && !(inputs instanceof LosslessNumber)) {
    // `name in a list` is simply false in python: such a node looks as if it had no inputs (and kills the worker later).
    return Array.isArray(inputs) ? {} : inputs;
  }
  if (typeof inputs === 'string') return {};
  throw new PythonError('TypeError', `argument of type '${typeName(inputs)}' is not iterable`);
}

function classOf(validation: Validation, node: JsonObject): NodeClass {
  const nodeClass = validation.findClass(String(node['class_type']));
  // Every class of the prompt was looked up before any node is validated.
  if (!nodeClass) throw new Error(`class ${String(node['class_type'])} vanished during validation`);
  return nodeClass;
}

function memberOf(inputs: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(inputs, name) ? inputs[name] : undefined;
}

interface LinkCheck {
  input: ClassInput;
  link: JsonValue[];
  verdict: Verdict;
}

async function validateLink(validation: Validation, { input, link, verdict }: LinkCheck): Promise<void> {
  const [source = null, slot = null] = link;
  if (link.length !== 2) {
    verdict.errors.push(errors.badLinkedInput(input, link));
    return;
  }
  const sourceId = requireNodeId(validation, source);
  const received = outputType(classOf(validation, validation.prompt[sourceId] ?? {}).spec, slot);
  if (!isTypeMatch(received, input.type)) {
    verdict.errors.push(errors.returnTypeMismatch(input, received, link));
    return;
  }
  try {
    const upstream = await validateNode(validation, sourceId);
    if (!upstream.isValid) verdict.isValid = false;
  } catch (error) {
    if (!(error instanceof PythonError)) throw error;
    verdict.isValid = false;
    const reason = errors.exceptionDuringInnerValidation(error, input, link);
    validation.validated.set(sourceId, { isValid: false, errors: [reason] });
  }
}

function requireNodeId(validation: Validation, source: JsonValue): string {
  if (typeof source === 'string' && Object.hasOwn(validation.prompt, source)) return source;
  const type = typeName(source);
  if (type === 'list' || type === 'dict') throw new PythonError('TypeError', `unhashable type: '${type}'`);
  throw new PythonError('KeyError', repr(source));
}

function outputType(spec: ClassSpec, slot: JsonValue): JsonValue {
  const index = pythonIndex(slot);
  if (index === undefined) {
    const indices = spec.sequence === 'tuple' ? 'tuple indices' : 'list indices';
    throw new PythonError('TypeError', `${indices} must be integers or slices, not ${typeName(slot)}`);
  }
  if (Math.abs(index) >= LARGEST_INDEX) {
    throw new PythonError('IndexError', "cannot fit 'int' into an index-sized integer");
  }
  const type = spec.outputs.at(index);
  // Array.at counts a negative index from the end, as python does.
  if (type === undefined) throw new PythonError('IndexError', `${spec.sequence} index out of range`);
  return type;
}

/** Half of 64 bits. */
const LARGEST_INDEX = 2 ** 63;

function pythonIndex(slot: JsonValue): number | undefined {
  if (typeof slot === 'boolean') return slot ? 1 : 0;
  return isNumber(slot) && !isFloat(slot) ? toDouble(slot) : undefined;
}

interface ConstantCheck {
  inputs: JsonObject;
  input: ClassInput;
  nodeClass: NodeClass;
}

function validateConstant(
  check: ConstantCheck,
  given: Exclude<JsonValue, JsonValue[]>,
): errors.PromptError | undefined {
  const { inputs, input } = check;
  const value = unwrap(given);
  inputs[input.name] = value;
  const coerced = typeof input.type === 'string' ? coerce(input.type, value) : ({ kind: 'value', value } as const);
  if (coerced.kind === 'failed') return errors.invalidInputType(input, value, coerced.message);
  inputs[input.name] = coerced.value;
  if (check.nodeClass.ownValidator?.inputs.includes(input.name)) return undefined;
  return checkRange(input, coerced.value) ?? checkOptions(input, coerced.value);
}

// A list widget sends its value as {"__value__": [...]}, because a bare list would be read as a link.
function unwrap(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof LosslessNumber) {
    return value;
  }
  return Object.hasOwn(value, '__value__') ? (value['__value__'] ?? null) : value;
}

function checkRange(input: ClassInput, value: JsonValue): errors.PromptError | undefined {
  const { min, max } = input.options;
  if (min !== undefined && isLessOrThrow({ left: value, right: min, operator: '<' })) {
    return errors.outOfRange(input, value, 'min');
  }
  if (max !== undefined && isLessOrThrow({ left: max, right: value, operator: '>' })) {
    return errors.outOfRange(input, value, 'max');
  }
  return undefined;
}

function isLessOrThrow({ left, right, operator }: { left: JsonValue; right: JsonValue; operator: '<' | '>' }): boolean {
  const result = isLess(left, right);
  if (result !== undefined) return result;
  const [first, second] = operator === '<' ? [left, right] : [right, left];
  const types = `'${typeName(first)}' and '${typeName(second)}'`;
  throw new PythonError('TypeError', `'${operator}' not supported between instances of ${types}`);
}

// 0.3.64 checks the options of old-form combos only; a V3 COMBO takes anything here and fails when it runs.
function checkOptions(input: ClassInput, value: JsonValue): errors.PromptError | undefined {
  if (!Array.isArray(input.type)) return undefined;
  if (input.type.some((option) => isEqual(option, value))) return undefined;
  return errors.valueNotInList(input, value, input.type);
}

interface OwnCheck {
  inputs: JsonObject;
  classType: string;
  verdict: Verdict;
}

async function runOwnValidator({ ownValidator }: NodeClass, { inputs, classType, verdict }: OwnCheck): Promise<void> {
  if (!ownValidator || ownValidator.inputs.length === 0) return;
  const given: Record<string, unknown> = {};
  const missing: string[] = [];
  for (const name of ownValidator.inputs) {
    const value = memberOf(inputs, name);
    if (value === undefined) missing.push(`'${name}'`);
    // A link's value is not known yet: the validator is called with None.
    given[name] = Array.isArray(value) ? null : value;
  }
  if (missing.length > 0) throw missingArguments(classType, missing);
  const result = await ownValidator.validate(given);
  if (result === true) return;
  for (const name of ownValidator.inputs) verdict.errors.push(errors.customValidationFailed(name, result));
}

function missingArguments(classType: string, missing: string[]): PythonError {
  const noun = missing.length === 1 ? 'argument' : 'arguments';
  const names = missing.join(' and ');
  const text = `${classType}.VALIDATE_INPUTS() missing ${missing.length} required positional ${noun}: ${names}`;
  return new PythonError('TypeError', text);
}
