// What the server and its worker thread say to each other. Graphs travel as JSON text: structured cloning would turn
// lossless numbers into plain objects.
import type { NodeDirectories } from '../nodes/node.ts';
import type { ExecutionEnd, ExecutionEvent, FreeWish, Job } from './protocol.ts';

export interface WorkerData {
  dirs: NodeDirectories;
  /** One Int32: not zero while an interrupt is asked for. Shared, so that a busy node sees it between two steps. */
  flag: SharedArrayBuffer;
}

export type ToWorker =
  | { type: 'run'; job: Omit<Job, 'prompt' | 'extraData'>; promptText: string; extraDataText: string }
  | { type: 'interrupt' }
  | { type: 'free'; wish: FreeWish };

export type FromWorker = { type: 'event'; event: ExecutionEvent } | { type: 'end'; end: ExecutionEnd };
