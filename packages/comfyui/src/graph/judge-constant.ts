// Would ComfyUI take this constant for this input? Its own steps in its own order: unwrap, convert by type, min, max,
// list. Sure refusals go to `problems`, what only the back end can decide to `doubts`. Called for every literal checked.

import { type JsonValue, LosslessNumber } from '../json.ts';
import { type InputSpec, mediaKind } from '../object-info.ts';
import { checkFileName } from './file-name.ts';
import { isLink, unwrapValue } from './links.ts';
import { nearestNames } from './nearest.ts';
import { describeFit, exceptionType, type Findings, inputProblem, type NodeContext } from './node-context.ts';
import { equalsPython, repr, reprFloat, str, toComparable, toFloat, toInt } from './python-value.ts';

const URL_OR_DATA = /^(?:https?:|data:)/i;
const SHOWN_OPTIONS = 20;

export function judgeConstant(node: NodeContext, spec: InputSpec, found: Findings & { value: JsonValue }): void {
  const value = unwrapValue(found.value);
  const converted = convert(node, spec, { value, found });
  if (converted === undefined) return;
  if (mediaKind(spec) !== undefined) judgeMedia(node, spec, { value, found });
  else if (node.ownJudged.includes(spec.name))
    doubt(node, spec, { value, found, msg: `${node.classType} judges this input itself` });
  else if (judgeRange(node, spec, { value: converted, given: value, found }))
    judgeOptions(node, spec, { value: converted, found });
}

interface Case {
  value: JsonValue;
  found: Findings;
}

// The value as ComfyUI stores it after python's conversion; undefined when it was refused.
function convert(node: NodeContext, spec: InputSpec, { value, found }: Case): JsonValue | undefined {
  if (spec.type === 'INT' || spec.type === 'FLOAT') {
    const result = spec.type === 'INT' ? toInt(value) : toFloat(value);
    if ('error' in result) {
      const msg = `Failed to convert an input value to a ${spec.type} value: ${spec.name}, ${shorten(str(value))}, ${shorten(result.error)}. It takes ${describeFit(spec)}.`;
      found.problems.push(inputProblem(node, spec.name, { type: 'invalid_input_type', msg, input: value }));
      return undefined;
    }
    if (typeof result.value === 'number' && !Number.isFinite(result.value)) {
      found.problems.push(nonFinite(node, spec.name, value));
      return undefined;
    }
    return result.value;
  }
  if (spec.type === 'STRING') return str(value);
  if (spec.type === 'BOOLEAN') return toBool(value);
  return value;
}

function toBool(value: JsonValue): boolean {
  if (value === null || value === '') return false;
  const number = toComparable(value);
  // biome-ignore lint/suspicious/noDoubleEquals: 0n == 0
  if (number !== undefined) return number != 0;
  return typeof value === 'string' || Object.keys(value).length > 0;
}

/** NaN and infinities run in ComfyUI, but make its own /queue and /history unreadable; a rule of ours. */
export function nonFinite(node: NodeContext, name: string, value: JsonValue): Findings['problems'][number] {
  const msg = `${name}: ${repr(value).slice(0, 40)} is not a finite number.`;
  return inputProblem(node, name, { type: 'invalid_input_type', msg, input: value });
}

function judgeMedia(node: NodeContext, spec: InputSpec, { value, found }: Case): void {
  if (typeof value === 'string' && !URL_OR_DATA.test(value.trimStart())) {
    const problem = checkFileName(value);
    if (problem !== undefined) {
      found.problems.push({ ...problem, loc: [node.nodeId, 'inputs', spec.name] });
      return;
    }
  }
  doubt(node, spec, { value, found, msg: 'the file must exist on the back end' });
}

// False when min or max decided the case.
function judgeRange(node: NodeContext, spec: InputSpec, at: Case & { given: JsonValue }): boolean {
  for (const [bound, isMin] of [
    ['min', true],
    ['max', false],
  ] as const) {
    if (!Object.hasOwn(spec.opts, bound)) continue;
    const limit = spec.opts[bound];
    const limitValue = toComparable(limit);
    const value = toComparable(at.value);
    if (limitValue === undefined || value === undefined) {
      const msg = `Exception when validating node: ${spec.name} has a ${bound} of ${repr(limit ?? null)}, ${repr(at.value).slice(0, 80)} cannot be compared with it.`;
      report(node, at.found, inputProblem(node, spec.name, { type: exceptionType(node), msg, input: at.given }));
      return false;
    }
    if (isMin ? value < limitValue : value > limitValue) {
      const shown = spec.type === 'FLOAT' && typeof value === 'number' ? reprFloat(value) : repr(at.value);
      const words = isMin ? `smaller than min of` : `bigger than max of`;
      const msg = `Value ${shown} ${words} ${repr(limit ?? null)}. ${spec.name} takes ${describeFit(spec)}.`;
      const type = isMin ? 'value_smaller_than_min' : 'value_bigger_than_max';
      report(node, at.found, inputProblem(node, spec.name, { type, msg, input: at.given }));
      return false;
    }
  }
  return true;
}

function judgeOptions(node: NodeContext, spec: InputSpec, { value, found }: Case): void {
  if (spec.type === '') doubt(node, spec, { value, found, msg: 'object_info does not say what it takes' });
  if (isLink(value)) doubt(node, spec, { value, found, msg: 'the wrapped list will be taken for a link' });
  if (spec.type !== 'COMBO') return;
  const options = spec.options ?? [];
  if (options.some((option) => equalsPython(option, value))) return;
  const problem = inputProblem(node, spec.name, {
    type: 'value_not_in_list',
    input: value,
    ...listMessage(spec, value),
  });
  // ComfyUI 0.3.64 takes any value for the new form; later releases check it.
  if (spec.isOldCombo) report(node, found, problem);
  else found.doubts.push(problem);
}

function listMessage(spec: InputSpec, value: JsonValue): { msg: string; nearest?: string[] } {
  const options = spec.options ?? [];
  const list = options.length > SHOWN_OPTIONS ? `(list of length ${options.length})` : repr(options);
  const names = options.filter((option) => typeof option === 'string');
  const nearest = typeof value === 'string' ? nearestNames(value, names) : [];
  const hint = nearest.length > 0 ? ` Did you mean ${nearest.map((name) => repr(name)).join(' or ')}?` : '';
  const shown =
    typeof value === 'string' ? repr(value) : `${value instanceof LosslessNumber ? repr(value) : shorten(repr(value))}`;
  const msg = `Value not in list: ${spec.name}: ${shorten(shown)} not in ${shorten(list, 1_000)}.${hint}`;
  return nearest.length > 0 ? { msg, nearest } : { msg };
}

// A custom class may have a validator that takes the input over; then these checks do not run.
function report(node: NodeContext, found: Findings, problem: Findings['problems'][number]): void {
  (node.isCustom ? found.doubts : found.problems).push(problem);
}

function doubt(node: NodeContext, spec: InputSpec, at: Case & { msg: string }): void {
  const problem = { type: 'custom_validation', msg: `${spec.name}: ${at.msg}.`, input: at.value };
  at.found.doubts.push(inputProblem(node, spec.name, problem));
}

function shorten(text: string, limit = 200): string {
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}
