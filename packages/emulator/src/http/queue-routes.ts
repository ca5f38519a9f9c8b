// /queue, /history, /interrupt and /free: what is pending, running and done, and taking it away.
import { type JsonObject, type JsonValue, parseJson } from '@comfleet/comfyui';
import { isJsonObject } from '../json-object.pure.ts';
import { coerce, isTruthy } from '../python/coerce.pure.ts';
import { type History, queueRow } from '../queue/history.ts';
import type { PromptQueue } from '../queue/prompt-queue.ts';
import type { Runner } from '../runner.ts';
import { type Exchange, readBody, readJsonBody, sendEmpty, sendJson, sendJsonText, serverError } from './exchange.ts';
import type { Route } from './router.ts';

interface QueueRoutesDeps {
  queue: PromptQueue;
  history: History;
  runner: Runner;
}

export function queueRoutes({ queue, history, runner }: QueueRoutesDeps): Route[] {
  return [
    {
      method: 'GET',
      path: '/queue',
      handler({ response }) {
        const rows = { queue_running: queue.running(), queue_pending: queue.pending() };
        sendJson(response, {
          queue_running: rows.queue_running.map((item) => queueRow(item)),
          queue_pending: rows.queue_pending.map((item) => queueRow(item)),
        });
      },
    },
    { method: 'POST', path: '/queue', handler: (exchange) => change(exchange, queue) },
    { method: 'POST', path: '/history', handler: (exchange) => change(exchange, history) },
    {
      method: 'GET',
      path: '/history',
      handler({ response, query }) {
        const maxItems = intParam(query, 'max_items');
        sendJsonText(response, history.textOfRange({ maxItems, offset: intParam(query, 'offset') ?? -1 }));
      },
    },
    {
      method: 'GET',
      path: '/history/*',
      handler: ({ response }, [promptId = '']) => sendJsonText(response, history.textOf(promptId)),
    },
    { method: 'POST', path: '/interrupt', handler: (exchange) => interrupt(exchange, runner) },
    { method: 'POST', path: '/free', handler: (exchange) => free(exchange, runner) },
  ];
}

async function change({ request, response }: Exchange, target: Pick<PromptQueue, 'clear' | 'delete'>): Promise<void> {
  const body = await readJsonBody(request);
  // `"clear" in body` also works on lists and strings, and then finds nothing to do.
  const fields = Array.isArray(body) || typeof body === 'string' ? {} : requireObject(body);
  if (isTruthy(fields['clear'] ?? null)) target.clear();
  for (const id of idsOf(fields['delete'])) target.delete(String(id));
  sendEmpty(response);
}

/** What python's for loop makes of it: a string's letters, an object's keys. */
function idsOf(value: JsonValue | undefined): Iterable<unknown> {
  if (value === undefined || typeof value === 'string' || Array.isArray(value)) return value ?? [];
  if (isJsonObject(value)) return Object.keys(value);
  throw serverError();
}

async function interrupt({ request, response }: Exchange, runner: Runner): Promise<void> {
  const promptId = requireObject(parseOr(await readBody(request)))['prompt_id'];
  runner.interrupt(isTruthy(promptId ?? null) ? String(promptId) : undefined);
  sendEmpty(response);
}

/** This one route takes a body that is not JSON for an empty object. */
function parseOr(body: Buffer): JsonValue {
  try {
    return parseJson(body.toString());
  } catch {
    return {};
  }
}

async function free({ request, response }: Exchange, runner: Runner): Promise<void> {
  const body = requireObject(await readJsonBody(request));
  const results = isTruthy(body['free_memory'] ?? null);
  runner.free({ results, models: results || isTruthy(body['unload_models'] ?? null) });
  sendEmpty(response);
}

function requireObject(body: JsonValue): JsonObject {
  if (!isJsonObject(body)) throw serverError();
  return body;
}

function intParam(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const coerced = coerce('INT', text);
  if (coerced.kind === 'failed') throw serverError();
  return Number(coerced.value);
}
