// Results of the last prompt's nodes (ComfyUI's "classic" cache): at each prompt everything is dropped that the new
// graph does not name. Lives in the worker, with the tensors it holds.
import type { UiOutput } from './protocol.ts';

export interface CachedNode {
  /** Missing while only the ui output is known, as in a prompt that failed in between. */
  outputs?: unknown[];
  ui?: UiOutput;
}

export interface NodeCache {
  /** Points the cache at a prompt: node ids from now on mean that prompt's nodes. */
  usePrompt(keys: ReadonlyMap<string, string>): void;
  get(nodeId: string): CachedNode | undefined;
  isCached(nodeId: string): boolean;
  set(nodeId: string, node: CachedNode): void;
  uiOutputs(): Record<string, UiOutput>;
  clear(): void;
}

export function createNodeCache(): NodeCache {
  let keys: ReadonlyMap<string, string> = new Map();
  let entries = new Map<string, CachedNode>();

  const get = (nodeId: string) => {
    const key = keys.get(nodeId);
    return key === undefined ? undefined : entries.get(key);
  };

  return {
    usePrompt(next) {
      keys = next;
      const named = new Set(keys.values());
      entries = new Map([...entries].filter(([key]) => named.has(key)));
    },
    get,
    isCached: (nodeId) => get(nodeId)?.outputs !== undefined,
    set(nodeId, node) {
      const key = keys.get(nodeId);
      if (key !== undefined) entries.set(key, node);
    },
    uiOutputs() {
      const outputs: Record<string, UiOutput> = {};
      for (const nodeId of keys.keys()) {
        const ui = get(nodeId)?.ui;
        if (ui) outputs[nodeId] = ui;
      }
      return outputs;
    },
    clear() {
      entries = new Map();
    },
  };
}
