// What ComfyUI says when a prompt fails, read once for both places that carry it: the websocket's execution_error
// frame and the last message of a history entry.
import { readArray, readId, readIds, readNumber, readObject, readString } from './fields.ts';
import type { JsonObject, JsonValue } from './json.ts';

export interface ExecutionError {
  nodeId: string | undefined;
  nodeType: string | undefined;
  /** A python qualified name: `ValueError`, `torch.OutOfMemoryError`. */
  exceptionType: string;
  exceptionMessage: string;
  traceback: string[];
  executed: string[];
  currentInputs: JsonObject;
  timestampMs: number | undefined;
}

export function readExecutionError(data: JsonValue | undefined): ExecutionError {
  return {
    nodeId: readId(data, 'node_id'),
    nodeType: readString(data, 'node_type'),
    exceptionType: readString(data, 'exception_type') ?? 'unknown',
    // ComfyUI ends the message with a newline even when no tips follow.
    exceptionMessage: (readString(data, 'exception_message') ?? '').trimEnd(),
    traceback: (readArray(data, 'traceback') ?? []).filter((line) => typeof line === 'string'),
    executed: readIds(data, 'executed'),
    currentInputs: readObject(data, 'current_inputs') ?? {},
    timestampMs: readNumber(data, 'timestamp'),
  };
}

/** A blocker inside a graph reports itself this way and the prompt goes on: no end of anything. */
export function isTerminalError(error: ExecutionError): boolean {
  return error.exceptionType !== 'ExecutionBlocked';
}

export type ExecutionErrorClass = 'out_of_memory' | 'broken_device' | 'ordinary';

// A poisoned CUDA or HIP context stays so until the process ends.
const BROKEN_DEVICE =
  /illegal memory access|device-side assert|unspecified launch failure|misaligned address|HIP error(?!: out of memory)/i;
const OUT_OF_MEMORY = /out of memory|Allocation on device|allocate exceeds|would exceed allowed memory/i;

export function classifyExecutionError(error: ExecutionError): ExecutionErrorClass {
  if (error.exceptionType.endsWith('OutOfMemoryError')) return 'out_of_memory';
  if (BROKEN_DEVICE.test(error.exceptionMessage)) return 'broken_device';
  return OUT_OF_MEMORY.test(error.exceptionMessage) ? 'out_of_memory' : 'ordinary';
}
