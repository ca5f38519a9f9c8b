// ComfyUI's own words about a refused prompt or a failed node → the entry of the result's error array. Called by run.ts.
import { classifyExecutionError, type ExecutionError, type NodeErrors, type PromptError } from '@comfleet/comfyui';
import type { Failure } from './outcome.pure.ts';

const DEBUG_CHARACTERS = 20_000;

export function describeRefusal(
  error: PromptError,
  nodeErrors: ReadonlyMap<string, NodeErrors>,
): { details: string; debugInfo: string } {
  const lines = [...nodeErrors].flatMap(([nodeId, node]) =>
    node.errors.map(
      (e) => `node ${nodeId} (${node.classType ?? 'unknown class'}): ${e.message}${e.details ? `: ${e.details}` : ''}`,
    ),
  );
  const head = `ComfyUI refused the prompt: ${[error.message, error.details].filter(Boolean).join(': ')}`;
  const details = [head, ...lines].join('\n').slice(0, 4_000);
  const own = { error: ownWords(error), node_errors: ownNodeErrors(nodeErrors) };
  const debugInfo = JSON.stringify(own, replaceBig);
  return { details, debugInfo: debugInfo.slice(0, DEBUG_CHARACTERS) };
}

// Under ComfyUI's own names: callers read this as they would read its answer.
function ownNodeErrors(nodeErrors: ReadonlyMap<string, NodeErrors>) {
  const entries = [...nodeErrors].map(([nodeId, { classType, errors, dependentOutputs }]) => {
    return [nodeId, { errors: errors.map(ownWords), dependent_outputs: dependentOutputs, class_type: classType }];
  });
  return Object.fromEntries(entries);
}

function ownWords({ type, message, details, extraInfo }: PromptError) {
  return { type, message, details, extra_info: extraInfo };
}

/** `memory`: what is known of the instance's, in words; told where it was not enough. */
export function nodeFailure(error: ExecutionError, memory?: string): Failure {
  const where = `Node ${error.nodeId ?? '?'} (${error.nodeType ?? 'unknown class'})`;
  const isOutOfMemory = classifyExecutionError(error) === 'out_of_memory';
  const why = isOutOfMemory ? `ran out of memory${memory === undefined ? '' : ` (${memory})`}` : 'raised';
  const details = `${where} ${why}: ${error.exceptionType}: ${error.exceptionMessage}`.slice(0, 4_000);
  const debugInfo = [`${error.exceptionType}: ${error.exceptionMessage}`, ...error.traceback].join('\n');
  return { kind: 'node_failed', details, debugInfo: debugInfo.slice(0, DEBUG_CHARACTERS) };
}

function replaceBig(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'object' && value !== null && 'text' in value && Object.keys(value).length === 1)
    return String(value.text);
  return value;
}
