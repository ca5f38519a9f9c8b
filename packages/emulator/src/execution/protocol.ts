// What the runner asks of an executor and what the executor reports while a prompt runs. The two executors are the
// thread that really runs nodes (thread-executor.ts, worker.ts) and the one that only pretends (null-executor.ts).
import type { JsonObject } from '@comfleet/comfyui';
import type { PromptBehaviour } from '../faults/faults.ts';

export interface Job {
  promptId: string;
  /** The API graph after coercion. */
  prompt: JsonObject;
  extraData: JsonObject;
  outputs: string[];
  behaviour: PromptBehaviour;
}

export interface PreviewImage {
  nodeId: string;
  format: 'jpeg' | 'png';
  bytes: Uint8Array;
}

export type UiOutput = Record<string, unknown[]>;

export type ExecutionEvent =
  | { type: 'cached'; nodes: string[] }
  | { type: 'started'; nodeId: string }
  | { type: 'progress'; nodeId: string; value: number; max: number; preview?: Omit<PreviewImage, 'nodeId'> }
  | { type: 'executed'; nodeId: string; output: UiOutput | null }
  | { type: 'finished'; nodeId: string; isCached: boolean }
  | { type: 'crash' };

export interface NodeFailure {
  nodeId: string;
  nodeType: string;
  executed: string[];
  exceptionMessage: string;
  exceptionType: string;
  traceback: string[];
  /** JSON text: it crosses the thread boundary, which lossless numbers would not survive. */
  currentInputsText: string;
  currentOutputs: string[];
}

export type ExecutionEnd =
  | { kind: 'success'; outputs: Record<string, UiOutput> }
  | { kind: 'error'; outputs: Record<string, UiOutput>; failure: NodeFailure }
  | {
      kind: 'interrupted';
      outputs: Record<string, UiOutput>;
      nodeId: string;
      nodeType: string;
      executed: string[];
    }
  /** The worker thread died, as ComfyUI's does on some graphs that validation lets pass. */
  | { kind: 'died'; reason: string };

export interface FreeWish {
  /** Loaded models; the next prompt that needs them loads them again. */
  models: boolean;
  /** Cached results of nodes, which hold the models as well. */
  results: boolean;
}

export interface Executor {
  run(job: Job, onEvent: (event: ExecutionEvent) => void): Promise<ExecutionEnd>;
  /** Takes effect between nodes and at progress updates; cleared when the next prompt starts. */
  interrupt(): void;
  /** Only between two prompts. */
  free(wish: FreeWish): void;
  stop(): Promise<void>;
}
