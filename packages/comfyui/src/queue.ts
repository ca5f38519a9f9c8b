// ComfyUI's queue from outside: which prompts it holds, taking pending ones out, interrupting the running one.
// Cancelling is a loop of the caller: deletePending → queue → interrupt if it runs by now → queue.
import { malformed, postJson, requireJson, requireOk } from './answers.ts';
import { ComfyError } from './comfy-error.ts';
import { readCount, readField } from './fields.ts';
import type { Http, HttpRequest } from './http.ts';
import { type QueueIds, readQueueIds } from './queue-ids.ts';

/** The answer echoes every queued graph, inline images and all. */
const MAX_QUEUE_BYTES = 64 * 1024 * 1024;

export async function listQueue(http: Http): Promise<QueueIds> {
  const request: HttpRequest = { method: 'GET', path: '/queue', maxBytes: MAX_QUEUE_BYTES, isPrivate: true };
  const reply = await requireOk(http, request);
  const ids = readQueueIds(reply.body);
  if (!ids) throw malformed(request, reply, 'not a queue');
  return ids;
}

/** Pending and running together: the cheapest sign of life. */
export async function countPrompts(http: Http): Promise<number> {
  const request: HttpRequest = { method: 'GET', path: '/prompt' };
  const remaining = readCount(readField(await requireJson(http, request, 'fast'), 'exec_info'), 'queue_remaining');
  if (remaining === undefined) throw malformed(request, undefined, 'no queue_remaining');
  return remaining;
}

export type PromptIds = string | readonly string[];

/** Asked when the call is about to be written; with false it is not, and fails as `aborted`. */
export type Begin = Pick<HttpRequest, 'mayBegin'>;

/** Ids that are not pending (any more) are ignored by ComfyUI without a word. */
export async function deletePending(http: Http, promptIds: PromptIds, begin?: Begin): Promise<void> {
  const ids = typeof promptIds === 'string' ? [promptIds] : promptIds;
  if (ids.length > 0) await requireOk(http, { ...postJson('/queue', { delete: ids }), ...begin });
}

/** Before 0.3.57 ComfyUI ignores the id and interrupts whatever runs: see `canInterruptByPrompt`. */
export async function interruptPrompt(http: Http, promptId: string, begin?: Begin): Promise<void> {
  // An empty id would interrupt whatever runs.
  if (promptId === '') throw new ComfyError('argument', 'interrupt needs a prompt id', { mayHaveArrived: false });
  await requireOk(http, { ...postJson('/interrupt', { prompt_id: promptId }), ...begin });
}

export interface FreeOptions {
  unloadModels?: boolean;
  freeMemory?: boolean;
}

/** Acts between prompts. freeMemory also forgets every cached node result, and so unloads the models. */
export async function freeMemory(http: Http, { unloadModels = false, freeMemory = false }: FreeOptions): Promise<void> {
  await requireOk(http, postJson('/free', { unload_models: unloadModels, free_memory: freeMemory }));
}
