// /queue, /history, /interrupt and /free of an instance that several accounts share: each sees and stops its own work.
// Called by routes.ts.
import { ApiError } from '@comfleet/api';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '@comfleet/comfyui';
import type { InstanceWork } from '../dispatch/guests.ts';
import type { Instance } from '../instances/fleet.ts';
import { ask } from './ask.ts';
import { toUnreachable } from './forward.ts';
import type { Owners } from './owners.ts';
import type { Pools } from './pools.ts';

export interface OwnWorkDeps {
  readonly pools: Pools;
  readonly owners: Owners;
  readonly workOn: (instanceId: string) => InstanceWork;
}

export interface Target {
  readonly accountId: string;
  readonly instance: Instance;
}

const HISTORY_ITEMS = 100;
const MOST_HISTORY_ITEMS = 1_000;
const AT_ONCE = 8;

export async function readQueue(deps: OwnWorkDeps, target: Target): Promise<string> {
  const queue = readObject(await ask(deps.pools, target.instance, { method: 'GET', path: '/queue' }));
  const [running, pending] = await Promise.all([
    ownItems(deps, target, queue['queue_running']),
    ownItems(deps, target, queue['queue_pending']),
  ]);
  return stringifyJson({ queue_running: running, queue_pending: pending });
}

async function ownItems(deps: OwnWorkDeps, target: Target, items: JsonValue | undefined): Promise<JsonValue[]> {
  const own: JsonValue[] = [];
  for (const item of Array.isArray(items) ? items : []) {
    if (!Array.isArray(item) || typeof item[1] !== 'string') continue;
    if (await deps.owners.ownsPrompt(at(target), item[1])) own.push(withoutSecrets(item));
  }
  return own;
}

// [number, prompt_id, graph, extra_data, outputs]: keys and our client ids are in extra_data; only the editor's own note
// of the workflow is for showing.
function withoutSecrets(item: JsonValue[]): JsonValue[] {
  const extra = item[3];
  const pngInfo = isJsonObject(extra) ? extra['extra_pnginfo'] : undefined;
  return item.map((part, index) => (index === 3 ? (pngInfo === undefined ? {} : { extra_pnginfo: pngInfo }) : part));
}

/** Asked one by one for the account's own prompts: nobody else's entry is even read. */
export async function readHistory(deps: OwnWorkDeps, target: Target, query: URLSearchParams): Promise<string> {
  const wanted = Number(query.get('max_items') ?? HISTORY_ITEMS);
  const offset = Number(query.get('offset') ?? 0);
  const limit = Number.isInteger(wanted) && wanted >= 0 ? Math.min(wanted, MOST_HISTORY_ITEMS) : HISTORY_ITEMS;
  const skipped = Number.isInteger(offset) && offset > 0 ? Math.min(offset, MOST_HISTORY_ITEMS) : 0;
  const ids = (await deps.owners.listPrompts(at(target), MOST_HISTORY_ITEMS)).slice(skipped, skipped + limit);
  const history: JsonObject = {};
  // Oldest first, as ComfyUI has it.
  const oldestFirst = ids.reverse();
  for (let start = 0; start < oldestFirst.length; start += AT_ONCE) {
    const entries = await Promise.all(
      oldestFirst.slice(start, start + AT_ONCE).map((id) => fetchEntry(deps, target, id)),
    );
    for (const entry of entries) Object.assign(history, entry);
  }
  return stringifyJson(history);
}

export async function readHistoryOf(deps: OwnWorkDeps, target: Target, promptId: string): Promise<string> {
  const isOwn = await deps.owners.ownsPrompt(at(target), promptId);
  return isOwn ? stringifyJson(await fetchEntry(deps, target, promptId)) : '{}';
}

async function fetchEntry({ pools }: OwnWorkDeps, { instance }: Target, promptId: string): Promise<JsonObject> {
  const path = `/history/${encodeURIComponent(promptId)}`;
  const answer = readObject(await ask(pools, instance, { method: 'GET', path }));
  const entry = answer[promptId];
  if (!isJsonObject(entry)) return {};
  const { prompt } = entry;
  return { [promptId]: { ...entry, ...(Array.isArray(prompt) ? { prompt: withoutSecrets(prompt) } : {}) } };
}

/** Like ComfyUI's: nothing happens, and nothing is said, when it is not running. */
export async function interruptOwn(deps: OwnWorkDeps, target: Target, body: JsonValue): Promise<void> {
  const wanted = isJsonObject(body) && typeof body['prompt_id'] === 'string' ? body['prompt_id'] : undefined;
  const { client } = target.instance.connection;
  try {
    const { running } = await client.queue();
    for (const promptId of running) {
      if (wanted !== undefined && wanted !== promptId) continue;
      if (await deps.owners.ownsPrompt(at(target), promptId)) await client.interrupt(promptId);
    }
  } catch (error) {
    throw toUnreachable(target.instance, error);
  }
}

/** It empties what everybody's next run would have found loaded. */
export async function freeMemory(deps: OwnWorkDeps, target: Target, body: JsonValue): Promise<void> {
  const others = [...deps.workOn(target.instance.id).accounts].some((account) => account !== target.accountId);
  if (others) {
    const message = `Instance ${target.instance.id} has work of others; its memory can be freed once that is done.`;
    throw new ApiError(409001, message);
  }
  const isTrue = (name: string) => isJsonObject(body) && body[name] === true;
  try {
    await target.instance.connection.client.free({
      unloadModels: isTrue('unload_models'),
      freeMemory: isTrue('free_memory'),
    });
  } catch (error) {
    throw toUnreachable(target.instance, error);
  }
}

function at({ accountId, instance }: Target) {
  return { accountId, instanceId: instance.id };
}

function readObject(answer: { status: number; body: Buffer }): JsonObject {
  try {
    const value = parseJson(answer.body.toString());
    if (answer.status === 200 && isJsonObject(value)) return value;
  } catch {
    // told below
  }
  throw new ApiError(10007, 'The instance gave an answer that is none of ComfyUI.');
}
