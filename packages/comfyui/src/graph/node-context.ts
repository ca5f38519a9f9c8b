// What the checks of one node's inputs need to know about it, gathered once; and where they put what they find.

import type { JsonValue } from '../json.ts';
import { type InputSpec, isCustomNode, type NodeInfo } from '../object-info.ts';
import { CORE_TYPE_JUDGES, CORE_VALIDATORS } from './core-validators.ts';
import { type Problem, showInput } from './problem.ts';
import { repr } from './python-value.ts';

export interface NodeContext {
  nodeId: string;
  classType: string;
  info: NodeInfo;
  /** A custom class may have a validator of its own that object_info does not show. */
  isCustom: boolean;
  /** Inputs that the class judges itself. */
  ownJudged: readonly string[];
  judgesTypes: boolean;
}

export interface Findings {
  /** Sure refusals. */
  problems: Problem[];
  /** What only the back end can decide. */
  doubts: Problem[];
}

export function makeContext(nodeId: string, classType: string, info: NodeInfo): NodeContext {
  const isCustom = isCustomNode(info);
  return {
    nodeId,
    classType,
    info,
    isCustom,
    ownJudged: isCustom ? [] : (CORE_VALIDATORS.get(classType) ?? []),
    judgesTypes: !isCustom && CORE_TYPE_JUDGES.has(classType),
  };
}

export function inputProblem(
  { nodeId }: NodeContext,
  name: string,
  problem: { type: string; msg: string; input?: JsonValue; nearest?: string[] },
): Problem {
  const { input, ...rest } = problem;
  return { loc: [nodeId, 'inputs', name], ...rest, ...showInput(input) };
}

/** ComfyUI's type for an exception inside a check: it depends on how the node is reached. */
export function exceptionType({ info }: NodeContext): string {
  return info.output_node === true ? 'exception_during_validation' : 'exception_during_inner_validation';
}

/** What the input takes, in words, for the end of a message. */
export function describeFit(spec: InputSpec): string {
  const { min, max } = spec.opts;
  const range =
    min !== undefined && max !== undefined
      ? ` from ${repr(min)} to ${repr(max)}`
      : min !== undefined
        ? ` of at least ${repr(min)}`
        : max !== undefined
          ? ` of at most ${repr(max)}`
          : '';
  if (spec.type === 'INT') return `a whole number${range}`;
  if (spec.type === 'FLOAT') return `a number${range}`;
  if (spec.type === 'BOOLEAN') return 'true or false';
  if (spec.type === 'STRING') return 'text';
  if (spec.type === 'COMBO') return 'one of its options';
  return spec.type === '' || spec.type === '*' ? 'a value' : `a link to an output of type ${spec.type}`;
}
