// Turns what a node threw into ComfyUI's execution_error fields. Called by run-graph.ts.
import { type JsonObject, LosslessNumber } from '@comfleet/comfyui';
import { isTensor, tensorText } from '../nodes/tensor-text.ts';
import { dumps } from '../python/dumps.pure.ts';
import { PythonError } from '../python/errors.ts';
import { repr } from '../python/text.pure.ts';
import type { GraphNode } from './graph.ts';
import type { NodeFailure } from './protocol.ts';

const OUT_OF_MEMORY = 'torch.OutOfMemoryError';
const OUT_OF_MEMORY_TIPS =
  'This error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked before you might have ' +
  'accidentally set the batch_size to a large number.';

export class Interrupted extends Error {}

export function outOfMemory(): PythonError {
  return new PythonError(
    OUT_OF_MEMORY,
    'CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 23.64 GiB of which 1.00 GiB is free.',
  );
}

export function isOutOfMemory(error: unknown): boolean {
  return error instanceof PythonError && error.type === OUT_OF_MEMORY;
}

interface FailedNode {
  node: GraphNode;
  inputs: Record<string, unknown>;
  executed: string[];
  prompt: JsonObject;
}

export function describeFailure(error: unknown, { node, inputs, executed, prompt }: FailedNode): NodeFailure {
  const message = error instanceof Error ? error.message : String(error);
  return {
    nodeId: node.id,
    nodeType: node.classType,
    executed,
    exceptionMessage: `${message}\n${isOutOfMemory(error) ? OUT_OF_MEMORY_TIPS : ''}`,
    exceptionType: exceptionType(error),
    traceback: traceback(node.classType),
    currentInputsText: dumps(mapInputs(inputs)),
    currentOutputs: Object.keys(prompt),
  };
}

const mapInputs = (inputs: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, [shown(value)]]));

function exceptionType(error: unknown): string {
  if (error instanceof PythonError) return error.type;
  if (error instanceof RangeError) return 'ValueError';
  return error instanceof TypeError ? 'TypeError' : 'RuntimeError';
}

/** Plain values as they are, everything else as python would print it. */
function shown(value: unknown): unknown {
  if (isTensor(value)) return tensorText(value);
  if (typeof value !== 'object' || value === null || value instanceof LosslessNumber) return value;
  return repr(value);
}

function traceback(classType: string): string[] {
  const frames = [
    '496, in execute',
    '315, in get_output_data',
    '289, in _async_map_node_over_list',
    '277, in process_inputs',
  ];
  const lines = frames.map((frame) => `  File "/ComfyUI/execution.py", line ${frame}\n    ...\n`);
  return [...lines, `  File "/ComfyUI/nodes.py", line 1, in ${classType}\n    ...\n`];
}
