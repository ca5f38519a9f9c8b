// comfy_execution/graph_utils.py:is_link. While a graph runs, every [string, number] pair is a link, in known and unknown
// inputs alike: a dangling one in a place that validation does not look at is what kills ComfyUI's worker.
import { type JsonValue, LosslessNumber } from '@comfleet/comfyui';

export type Link = [nodeId: string, slot: number];

export function readLink(value: JsonValue | undefined): Link | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [nodeId, slot] = value;
  if (typeof nodeId !== 'string') return undefined;
  if (typeof slot === 'number') return [nodeId, slot];
  if (typeof slot === 'boolean' || typeof slot === 'bigint' || slot instanceof LosslessNumber) {
    return [nodeId, Number(slot)];
  }
  return undefined;
}
