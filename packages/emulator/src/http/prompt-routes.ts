// GET and POST /prompt (server.py:get_prompt, post_prompt): numbers the prompt, judges it, queues it.
import { randomUUID } from 'node:crypto';
import { type JsonObject, type JsonValue, LosslessNumber } from '@comfleet/comfyui';
import type { FaultControl } from '../faults/fault-control.ts';
import { isJsonObject } from '../json-object.pure.ts';
import type { NodeClasses } from '../node-classes.ts';
import { coerce } from '../python/coerce.pure.ts';
import { toDouble } from '../python/numbers.pure.ts';
import { str } from '../python/text.pure.ts';
import type { PromptQueue } from '../queue/prompt-queue.ts';
import type { Crash } from '../runner.ts';
import { promptError } from '../validation/errors.pure.ts';
import { type PromptVerdict, validatePrompt } from '../validation/validate-prompt.ts';
import { type Exchange, readJsonBody, SERVER_ERROR, sendJson } from './exchange.ts';
import type { Route } from './router.ts';

interface PromptRoutesDeps {
  queue: PromptQueue;
  faults: FaultControl;
  nodeClasses(): Promise<NodeClasses>;
  crash(how: Crash): void;
}

interface Numbered {
  shown: JsonValue;
  sort: number;
}

export function promptRoutes({ queue, faults, nodeClasses, crash }: PromptRoutesDeps): Route[] {
  let counter = 0;

  function numberOf(body: JsonObject): Numbered {
    const given = body['number'];
    if (given !== undefined) {
      const coerced = coerce('FLOAT', given);
      if (coerced.kind === 'failed') throw SERVER_ERROR;
      const value = coerced.value;
      return { shown: value, sort: typeof value === 'number' || value instanceof LosslessNumber ? toDouble(value) : 0 };
    }
    const number = body['front'] !== undefined && body['front'] !== false ? -counter : counter;
    counter += 1;
    return { shown: number, sort: number };
  }

  async function post({ request, response }: Exchange): Promise<void> {
    const body = await readJsonBody(request);
    if (typeof body !== 'object' && typeof body !== 'string') throw SERVER_ERROR;
    const fields = isJsonObject(body) ? body : {};
    const number = numberOf(fields);
    const prompt = fields['prompt'];
    if (prompt === undefined) {
      const error = promptError('no_prompt', 'No prompt provided', 'No prompt provided');
      sendJson(response, { error, node_errors: {} }, 400);
      return;
    }
    const behaviour = faults.takeForPrompt(wishesOf(fields));
    if (behaviour.crash?.at === 'received') crash(behaviour.crash);
    const classes = await nodeClasses();
    const verdict = await validatePrompt({ findClass: classes.find }, prompt, fields['partial_execution_targets']);
    const extraData = extraDataOf(fields);
    if (verdict.kind === 'refused') {
      sendJson(response, { error: verdict.error, node_errors: verdict.nodeErrors }, 400);
      return;
    }
    const promptId = fields['prompt_id'] === undefined ? randomUUID() : str(fields['prompt_id']);
    if (behaviour.forget?.how !== 'queue' && !(behaviour.forget && behaviour.forget.how === undefined)) {
      const { outputs } = verdict;
      const item = { number: number.sort, shownNumber: number.shown, promptId, outputs, extraData, behaviour };
      queue.add({ ...item, prompt: prompt as JsonObject });
    }
    if (behaviour.crash?.at === 'queued') crash(behaviour.crash);
    if (behaviour.replyCut) response.destroy();
    else sendAccepted(response, { promptId, number, verdict });
  }

  return [
    {
      method: 'GET',
      path: '/prompt',
      handler: ({ response }) => sendJson(response, { exec_info: { queue_remaining: queue.remaining() } }),
    },
    { method: 'POST', path: '/prompt', handler: post },
  ];
}

interface Accepted {
  promptId: string;
  number: Numbered;
  verdict: Extract<PromptVerdict, { kind: 'accepted' }>;
}

function sendAccepted(response: Exchange['response'], { promptId, number, verdict }: Accepted): void {
  sendJson(response, { prompt_id: promptId, number: number.shown, node_errors: verdict.nodeErrors });
}

function wishesOf(fields: JsonObject): JsonValue | undefined {
  const extraData = fields['extra_data'];
  return isJsonObject(extraData) ? extraData['emulator'] : undefined;
}

function extraDataOf(fields: JsonObject): JsonObject {
  const extraData = fields['extra_data'] === undefined ? {} : fields['extra_data'];
  const clientId = fields['client_id'];
  if (isJsonObject(extraData)) {
    if (clientId !== undefined) extraData['client_id'] = clientId;
    return extraData;
  }
  // Setting a key on what is no dict fails in python; without a client_id it goes on and fails in the worker.
  if (clientId !== undefined) throw SERVER_ERROR;
  return {};
}
