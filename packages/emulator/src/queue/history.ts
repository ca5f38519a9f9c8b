// Ended prompts by id, oldest dropped beyond the cap (ComfyUI's history). Written by the runner, read by /history.
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { dumps } from '../python/dumps.pure.ts';
import type { QueueItem } from './prompt-queue.ts';

export const MAX_ENTRIES = 10_000;

// ComfyUI removes these from the entry, though not from GET /queue.
const SENSITIVE = ['auth_token_comfy_org', 'api_key_comfy_org'];

export interface HistoryEntry {
  prompt: JsonValue[];
  outputs: Record<string, unknown>;
  status: { status_str: 'success' | 'error'; completed: boolean; messages: [string, unknown][] };
  meta: Record<string, unknown>;
}

export interface History {
  put(item: QueueItem, entry: Omit<HistoryEntry, 'prompt'>): void;
  /** JSON text of `{id: entry}`, or `{}`. */
  textOf(promptId: string): string;
  textOfRange(range: { maxItems: number | undefined; offset: number }): string;
  delete(promptId: string): void;
  clear(): void;
}

export function createHistory(): History {
  const entries = new Map<string, HistoryEntry>();
  const text = (ids: string[]) => `{${ids.map((id) => `${dumps(id)}: ${dumps(entries.get(id))}`).join(', ')}}`;

  return {
    put(item, { outputs, status, meta }) {
      // ComfyUI checks before it adds, so it holds one more than its limit.
      const oldest = entries.size > MAX_ENTRIES ? entries.keys().next().value : undefined;
      if (oldest !== undefined) entries.delete(oldest);
      entries.set(item.promptId, { prompt: queueRow(item, withoutSecrets(item.extraData)), outputs, status, meta });
    },
    textOf: (promptId) => (entries.has(promptId) ? text([promptId]) : '{}'),
    textOfRange({ maxItems, offset }) {
      const ids = [...entries.keys()];
      const from = offset < 0 && maxItems !== undefined ? ids.length - maxItems : offset;
      const start = Math.max(0, from);
      // python stops once the answer holds max_items entries, which it checks after adding one.
      return text(ids.slice(start, maxItems === undefined ? undefined : start + Math.max(1, maxItems)));
    },
    delete(promptId) {
      entries.delete(promptId);
    },
    clear() {
      entries.clear();
    },
  };
}

/** `[number, prompt_id, prompt, extra_data, [output ids]]`, the row of /queue and of a history entry. */
export function queueRow(item: QueueItem, extraData: JsonObject = item.extraData): JsonValue[] {
  return [item.shownNumber, item.promptId, item.prompt, extraData, item.outputs];
}

function withoutSecrets(extraData: JsonObject): JsonObject {
  if (!SENSITIVE.some((name) => name in extraData)) return extraData;
  return Object.fromEntries(Object.entries(extraData).filter(([name]) => !SENSITIVE.includes(name)));
}
