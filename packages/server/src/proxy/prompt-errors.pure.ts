// What is wrong with a proxied graph, as ComfyUI itself would say it: {error, node_errors}. Pure; called by check-prompt.ts.
import type { Graph, JsonObject, JsonValue, Problem } from '@comfleet/comfyui';

export interface PromptVerdict {
  readonly error: JsonObject;
  readonly node_errors: JsonObject;
}

/** ComfyUI stops at the first fault of these kinds and names no node. */
const WHOLE = new Set([
  'unknown_node_type',
  'invalid_prompt',
  'prompt_no_outputs',
  'editor_format',
  'too_many_nodes',
  'forbidden_name',
]);

export function noPrompt(): PromptVerdict {
  const message = 'No prompt provided';
  return { error: toError('no_prompt', message, message), node_errors: {} };
}

export function describeProblems(problems: readonly Problem[], graph: Graph | undefined): PromptVerdict {
  const whole = problems.find((problem) => WHOLE.has(problem.type) || problem.loc.length === 0);
  if (whole) {
    const type = whole.type === 'prompt_no_outputs' ? whole.type : 'invalid_prompt';
    const details = whole.loc.length === 0 ? '' : `Node ID '#${whole.loc[0]}'`;
    return { error: toError(type, whole.msg, details), node_errors: {} };
  }
  const nodes = new Map<string, Problem[]>();
  for (const problem of problems) {
    const nodeId = String(problem.loc[0]);
    nodes.set(nodeId, [...(nodes.get(nodeId) ?? []), problem]);
  }
  const entries = [...nodes].map(([nodeId, found]): [string, JsonValue] => [
    nodeId,
    { errors: found.map(toNodeError), dependent_outputs: [], class_type: graph?.[nodeId]?.class_type ?? null },
  ]);
  return {
    error: toError('prompt_outputs_failed_validation', 'Prompt outputs failed validation', ''),
    node_errors: Object.fromEntries(entries),
  };
}

function toNodeError(problem: Problem): JsonObject {
  const name = problem.loc[2];
  const details = name === undefined ? '' : String(name);
  const extra: JsonObject = name === undefined ? {} : { input_name: details };
  if (problem.input !== undefined) extra['received_value'] = problem.input;
  return { type: problem.type, message: problem.msg, details, extra_info: extra };
}

function toError(type: string, message: string, details: string): JsonObject {
  return { type, message, details, extra_info: {} };
}
