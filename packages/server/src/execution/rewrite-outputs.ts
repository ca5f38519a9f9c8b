// What nodes reported → what the caller sees: everything is passed through, each object with a file name gets its url and
// the name that the graph asked for. Called by collect.ts.
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import type { Fetched } from './fetch-file.ts';

/** A file that its graph made so that it cannot be stored. */
export class UnfitOutput extends Error {}

/** A file that its instance did not give, or the storage did not take. */
export class UnreadableOutput extends Error {}

export type FetchItem = (nodeId: string, item: JsonObject) => Promise<Fetched>;

export interface Rewritten {
  readonly outputs: JsonObject;
  /** Nodes that named a file which is not on the instance. */
  readonly missing: string[];
}

/** Throws with the reason when a file could not be stored. */
export async function rewriteOutputs(
  outputs: ReadonlyMap<string, JsonValue>,
  fetchItem: FetchItem,
): Promise<Rewritten> {
  const rewritten: Rewritten = { outputs: {}, missing: [] };
  for (const [nodeId, output] of outputs) {
    if (!isObject(output)) continue;
    const shown: JsonObject = {};
    for (const [key, value] of Object.entries(output)) {
      if (!Array.isArray(value)) shown[key] = withoutNonFinite(value);
      else shown[key] = await Promise.all(value.map((item) => rewriteItem({ nodeId, fetchItem, ...rewritten }, item)));
    }
    rewritten.outputs[nodeId] = shown;
  }
  return rewritten;
}

async function rewriteItem(
  { nodeId, fetchItem, missing }: { nodeId: string; fetchItem: FetchItem; missing: string[] },
  item: JsonValue,
): Promise<JsonValue> {
  if (!isFileItem(item)) return withoutNonFinite(item);
  const fetched = await fetchItem(nodeId, item);
  // `fullpath` is the instance's own affair, and a `url` of its own would stand where ours belongs.
  const { fullpath: _path, url: _url, ...rest } = item;
  if (fetched.kind === 'failed')
    throw fetched.isUnfit ? new UnfitOutput(fetched.reason) : new UnreadableOutput(fetched.reason);
  if (fetched.kind === 'missing') {
    missing.push(nodeId);
    return withoutNonFinite(rest);
  }
  const { filename, subfolder, type } = fetched.shown;
  return withoutNonFinite({ url: fetched.url, ...rest, filename, subfolder, type });
}

/** The file items of one node's output. */
export function listFileItems(output: JsonValue): JsonObject[] {
  if (!isObject(output)) return [];
  return Object.values(output).flatMap((value) => (Array.isArray(value) ? value.filter(isFileItem) : []));
}

function isFileItem(item: JsonValue): item is JsonObject {
  return isObject(item) && typeof item['filename'] === 'string';
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Python writes NaN and Infinity; no JSON reader of a caller takes them. */
function withoutNonFinite(value: JsonValue): JsonValue {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutNonFinite);
  if (!isObject(value)) return Number.isFinite(Number(value)) ? value : null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutNonFinite(item)]));
}
