// GET and POST /prompt (server.py:get_prompt, post_prompt): numbers the prompt, judges it, queues it.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import type { Executions } from '../executions.ts';
import type { FaultControl } from '../faults/fault-control.ts';
import { isJsonObject } from '../json-object.pure.ts';
import type { NodeClasses } from '../node-classes.ts';
import { coerce, isTruthy } from '../python/coerce.pure.ts';
import { isNumber, toDouble } from '../python/numbers.pure.ts';
import { str } from '../python/text.pure.ts';
import type { PromptQueue, QueueItem } from '../queue/prompt-queue.ts';
import type { CrashNow } from '../runner.ts';
import { promptError } from '../validation/errors.pure.ts';
import { type NodeErrors, validatePrompt } from '../validation/validate-prompt.ts';
import { type Exchange, readJsonBody, sendJson, serverError } from './exchange.ts';
import type { Route } from './router.ts';

interface PromptRoutesDeps {
  queue: PromptQueue;
  faults: FaultControl;
  executions: Executions;
  nodeClasses(): Promise<NodeClasses>;
  crash: CrashNow;
}

export function promptRoutes(deps: PromptRoutesDeps): Route[] {
  const { queue } = deps;
  const numberOf = createNumbering();

  async function post({ request, response }: Exchange): Promise<void> {
    const fields = fieldsOf(await readJsonBody(request));
    const number = numberOf(fields);
    if (fields['prompt'] === undefined) {
      const error = promptError('no_prompt', 'No prompt provided', 'No prompt provided');
      sendJson(response, { error, node_errors: {} }, 400);
      return;
    }
    const judged = await judge(deps, fields, number);
    if ('refusal' in judged) sendJson(response, judged.refusal, 400);
    else await accept(deps, response, judged);
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

/** `"prompt" in body` also works on a list or a string, and then finds no prompt; on anything else it fails. */
function fieldsOf(body: JsonValue): JsonObject {
  if (isJsonObject(body)) return body;
  if (Array.isArray(body) || typeof body === 'string') return {};
  throw serverError();
}

interface PromptNumber {
  shown: JsonValue;
  sort: number;
}

// The counter also moves for prompts that are refused afterwards.
function createNumbering(): (fields: JsonObject) => PromptNumber {
  let counter = 0;
  return (fields) => {
    const given = fields['number'];
    if (given === undefined) {
      const number = isTruthy(fields['front'] ?? null) ? -counter : counter;
      counter += 1;
      return { shown: number, sort: number };
    }
    const coerced = coerce('FLOAT', given);
    if (coerced.kind === 'failed' || !isNumber(coerced.value)) throw serverError();
    return { shown: coerced.value, sort: toDouble(coerced.value) };
  };
}

type Judged = { refusal: unknown } | { item: QueueItem; nodeErrors: NodeErrors };

async function judge(deps: PromptRoutesDeps, fields: JsonObject, number: PromptNumber): Promise<Judged> {
  const classes = await deps.nodeClasses();
  const prompt = fields['prompt'] ?? null;
  const verdict = await validatePrompt({ findClass: classes.find }, prompt, fields['partial_execution_targets']);
  const extraData = extraDataOf(fields);
  if (verdict.kind === 'refused') return { refusal: { error: verdict.error, node_errors: verdict.nodeErrors } };
  // Only an object can have passed validation.
  if (!isJsonObject(prompt)) throw serverError();
  const wished = deps.faults.takeForPrompt(extraData?.['emulator']);
  if ('problem' in wished) {
    const error = promptError('emulator_faults', 'extra_data.emulator is not understood', wished.problem);
    return { refusal: { error, node_errors: {} } };
  }
  const item: QueueItem = {
    number: number.sort,
    shownNumber: number.shown,
    promptId: fields['prompt_id'] === undefined ? randomUUID() : str(fields['prompt_id']),
    prompt,
    extraData: extraData ?? {},
    outputs: verdict.outputs,
    behaviour: wished.behaviour,
  };
  // Without an object to read, ComfyUI's worker fails before it guards anything.
  if (extraData === undefined) item.behaviour.zombie = {};
  return { item, nodeErrors: verdict.nodeErrors };
}

/** Undefined for an extra_data that is no object, which goes unnoticed as long as no client_id is written into it. */
function extraDataOf(fields: JsonObject): JsonObject | undefined {
  const extraData = fields['extra_data'] ?? (fields['extra_data'] === null ? null : {});
  const clientId = fields['client_id'];
  if (clientId === undefined) return isJsonObject(extraData) ? extraData : undefined;
  if (!isJsonObject(extraData)) throw serverError();
  extraData['client_id'] = clientId;
  return extraData;
}

interface Accepted {
  item: QueueItem;
  nodeErrors: NodeErrors;
}

async function accept(
  { queue, crash, executions }: PromptRoutesDeps,
  response: Exchange['response'],
  { item, nodeErrors }: Accepted,
): Promise<void> {
  const { crash: crashWish, forget, replyCut, replyDelay } = item.behaviour;
  const strike = (fault: string, how?: string) => executions.strike(fault, item.promptId, how);
  const crashAt = async (at: 'received' | 'queued') => {
    if (crashWish?.at !== at) return;
    strike('crash', at);
    await crash(crashWish);
  };
  await crashAt('received');
  if (forget !== undefined && forget.how !== 'history') strike('forget', 'queue');
  else queue.add(item);
  await crashAt('queued');
  if (replyDelay) {
    strike('replyDelay');
    await sleep(replyDelay.ms);
  }
  if (replyCut) {
    strike('replyCut');
    response.destroy();
  } else sendJson(response, { prompt_id: item.promptId, number: item.shownNumber, node_errors: nodeErrors });
}
