// Would ComfyUI take this constant for this input? Its own steps in its own order: unwrap, convert by type, min, max,
// list. Sure refusals go to `problems`, what only the back end can decide to `doubts`. Called for every literal checked.

import type { JsonValue } from '../json.ts';
import { type InputSpec, mediaKind } from '../object-info.ts';
import { checkFileName } from './file-name.ts';
import { isLink, unwrapValue } from './links.ts';
import { nearestFor } from './nearest.ts';
import { describeFit, exceptionType, type Findings, inputProblem, type NodeContext } from './node-context.ts';
import type { Problem } from './problem.ts';
import { equalsPython, holdsNonFinite, repr, reprFloat, str, toComparable, toFloat, toInt } from './python-value.ts';

const URL_OR_DATA = /^(?:https?:|data:)/i;
const SHOWN_OPTIONS = 20;

export interface InputCase {
  node: NodeContext;
  spec: InputSpec;
  found: Findings;
}

export function judgeConstant(at: InputCase, given: JsonValue): void {
  const value = unwrapValue(given);
  const converted = convert(at, value);
  if (converted === undefined) return;
  const before = at.found.problems.length;
  if (mediaKind(at.spec) !== undefined) judgeMedia(at, value);
  else if (at.node.ownJudged.includes(at.spec.name)) doubt(at, value, `${at.node.classType} judges this input itself`);
  else if (isInRange(at, converted, value)) judgeOptions(at, converted);
  const isInfinite = typeof converted === 'number' && !Number.isFinite(converted);
  if ((isInfinite || holdsNonFinite(value)) && at.found.problems.length === before) {
    at.found.problems.push(nonFinite(at.node, at.spec.name, value));
  }
}

// The value as ComfyUI stores it after python's conversion; undefined when it was refused.
function convert({ node, spec, found }: InputCase, value: JsonValue): JsonValue | undefined {
  if (spec.type === 'INT' || spec.type === 'FLOAT') {
    const result = spec.type === 'INT' ? toInt(value) : toFloat(value);
    if ('value' in result) return result.value;
    const msg = `Failed to convert an input value to a ${spec.type} value: ${spec.name}, ${shorten(str(value))}, ${shorten(result.error)}. It takes ${describeFit(spec)}.`;
    found.problems.push(inputProblem(node, spec.name, { type: 'invalid_input_type', msg, input: value }));
    return undefined;
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
export function nonFinite(node: NodeContext, name: string, value: JsonValue): Problem {
  const msg = `${name}: ${repr(value).slice(0, 40)} is not a finite number.`;
  return inputProblem(node, name, { type: 'invalid_input_type', msg, input: value });
}

function judgeMedia(at: InputCase, value: JsonValue): void {
  const isName = typeof value === 'string' && !URL_OR_DATA.test(value.slice(0, 20).trimStart());
  const problem = isName ? checkFileName(value) : undefined;
  if (problem === undefined) doubt(at, value, 'the file must exist on the back end');
  else at.found.problems.push({ ...problem, loc: [at.node.nodeId, 'inputs', at.spec.name] });
}

// False when min or max decided the case.
function isInRange(at: InputCase, value: JsonValue, given: JsonValue): boolean {
  const problem = judgeBound(at, { bound: 'min', value, given }) ?? judgeBound(at, { bound: 'max', value, given });
  if (problem !== undefined) report(at, problem);
  return problem === undefined;
}

interface Bounded {
  bound: 'min' | 'max';
  value: JsonValue;
  /** As the caller wrote it. */
  given: JsonValue;
}

function judgeBound({ node, spec }: InputCase, at: Bounded): Problem | undefined {
  if (!Object.hasOwn(spec.opts, at.bound)) return undefined;
  const limit = spec.opts[at.bound] ?? null;
  const limitValue = toComparable(limit);
  const value = toComparable(at.value);
  if (limitValue === undefined || value === undefined) {
    const msg = `Exception when validating node: ${spec.name} has a ${at.bound} of ${repr(limit)}, ${shorten(repr(at.value))} cannot be compared with it.`;
    return inputProblem(node, spec.name, { type: exceptionType(node), msg, input: at.given });
  }
  const isMin = at.bound === 'min';
  // NaN passes both, as in python.
  if (!(isMin ? value < limitValue : value > limitValue)) return undefined;
  const shown = spec.type === 'FLOAT' && typeof value === 'number' ? reprFloat(value) : shorten(repr(at.value));
  const msg = `Value ${shown} ${isMin ? 'smaller than min' : 'bigger than max'} of ${repr(limit)}. ${spec.name} takes ${describeFit(spec)}.`;
  const type = isMin ? 'value_smaller_than_min' : 'value_bigger_than_max';
  return inputProblem(node, spec.name, { type, msg, input: at.given });
}

function judgeOptions(at: InputCase, value: JsonValue): void {
  const { node, spec, found } = at;
  if (spec.type === '') doubt(at, value, 'object_info does not say what it takes');
  if (isLink(value)) doubt(at, value, 'the wrapped list will be taken for a link');
  if (spec.type !== 'COMBO') return;
  const options = spec.options ?? [];
  if (options.some((option) => equalsPython(option, value))) return;
  const problem = inputProblem(node, spec.name, {
    type: 'value_not_in_list',
    input: value,
    ...listMessage(spec, value, found.problems.length + found.doubts.length),
  });
  // ComfyUI 0.3.64 takes any value for the new form; later releases check it.
  if (spec.isOldCombo) report(at, problem);
  else found.doubts.push(problem);
}

function listMessage(spec: InputSpec, value: JsonValue, problemsSoFar: number): { msg: string; nearest?: string[] } {
  const options = spec.options ?? [];
  const list = options.length > SHOWN_OPTIONS ? `(list of length ${options.length})` : repr(options);
  const names = options.filter((option) => typeof option === 'string');
  const nearest = typeof value === 'string' ? nearestFor(problemsSoFar, value, () => names) : [];
  const hint = nearest.length > 0 ? ` Did you mean ${nearest.map((name) => repr(name)).join(' or ')}?` : '';
  const msg = `Value not in list: ${spec.name}: ${shorten(repr(value))} not in ${shorten(list, 1_000)}.${hint}`;
  return nearest.length > 0 ? { msg, nearest } : { msg };
}

// A custom class may have a validator that takes the input over; then these checks do not run.
function report({ node, found }: InputCase, problem: Problem): void {
  (node.isCustom ? found.doubts : found.problems).push(problem);
}

function doubt({ node, spec, found }: InputCase, value: JsonValue, why: string): void {
  const problem = { type: 'custom_validation', msg: `${spec.name}: ${why}.`, input: value };
  found.doubts.push(inputProblem(node, spec.name, problem));
}

function shorten(text: string, limit = 200): string {
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}
