// Pending and running prompts (ComfyUI's PromptQueue): lowest number first, one consumer. In memory only, like the real
// one. The runner waits in next(); HTTP routes add, list and delete. Every change is told through onChange.
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import type { PromptBehaviour } from '../faults/faults.ts';
import { heapify, heapPop, heapPush, type Keyed } from './heap.ts';

export interface QueueItem extends Keyed {
  /** As it is answered: an int from the server's counter, or the float that the client sent. */
  shownNumber: JsonValue;
  prompt: JsonObject;
  extraData: JsonObject;
  outputs: string[];
  behaviour: PromptBehaviour;
}

export interface PromptQueue {
  add(item: QueueItem): void;
  /** Resolves with the next prompt, which counts as running from then on. Rejects when the heap cannot be ordered. */
  next(): Promise<QueueItem>;
  done(item: QueueItem): void;
  running(): QueueItem[];
  pending(): QueueItem[];
  remaining(): number;
  clear(): void;
  delete(promptId: string): void;
}

export function createPromptQueue({ onChange }: { onChange(): void }): PromptQueue {
  let heap: QueueItem[] = [];
  const running = new Set<QueueItem>();
  let wake: (() => void) | undefined;

  function take(): QueueItem | undefined {
    const item = heapPop(heap);
    if (!item) return undefined;
    running.add(item);
    onChange();
    return item;
  }

  return {
    add(item) {
      heapPush(heap, item);
      onChange();
      wake?.();
    },
    async next() {
      for (;;) {
        const item = take();
        if (item) return item;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    done(item) {
      running.delete(item);
      onChange();
    },
    running: () => [...running],
    pending: () => [...heap],
    remaining: () => heap.length + running.size,
    clear() {
      heap = [];
      onChange();
    },
    delete(promptId) {
      const position = heap.findIndex((item) => item.promptId === promptId);
      if (position < 0) return;
      heap.splice(position, 1);
      heapify(heap);
      onChange();
    },
  };
}
