// The text of a request that is stored: what the caller sent of overrides, graph and parameters, with a reference where a
// data URI was (its bytes are in the input cache). Called by payload.ts, which builds the payload from it again.
import {
  inputKey,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type MediaInput,
  stringifyJson,
} from '@comfleet/comfyui';

export type MediaSource =
  | { kind: 'url'; url: string }
  | { kind: 'stored'; sha256: string; ext: string; mime: string; sizeBytes: number };

/** A media input whose value has to be brought to the instance first; bare file names are not among them. */
export interface RequestMedia {
  readonly nodeId: string;
  readonly name: string;
  readonly mediaKind: MediaInput['kind'];
  readonly source: MediaSource;
}

/** Stands in the stored text where a data URI was. */
export const STORED_MEDIA = 'comfleet-media';

/** `names`: inputKey → the parameter that the input's value was given under. */
export function writeStoredBody(
  body: JsonObject,
  media: readonly RequestMedia[],
  names: ReadonlyMap<string, string>,
): string {
  const inline = body['workflow_api_json'];
  const stored: JsonObject = { overrides: body['overrides'] ?? {} };
  if (inline !== undefined && inline !== null) stored['workflow_api_json'] = inline;
  if (names.size > 0) stored['parameters'] = body['parameters'] ?? {};
  const kept = media.filter(({ source }) => source.kind === 'stored');
  if (kept.length === 0) return stringifyJson(stored);
  stored['media'] = kept.map(({ nodeId, name, source }) => [inputKey(nodeId, name), { ...source }]);
  // The text of a data URI appears wherever the caller put it: in an override, a parameter, or the inline graph.
  for (const key of ['overrides', 'workflow_api_json']) {
    if (stored[key] !== undefined) stored[key] = withoutMedia(stored[key], kept);
  }
  if (stored['parameters'] !== undefined) stored['parameters'] = withoutNamedMedia(stored['parameters'], kept, names);
  return stringifyJson(stored);
}

function withoutMedia(nodes: JsonValue, kept: readonly RequestMedia[]): JsonValue {
  if (!isJsonObject(nodes)) return nodes;
  const copy: JsonObject = { ...nodes };
  for (const { nodeId, name } of kept) {
    const node = Object.hasOwn(copy, nodeId) ? copy[nodeId] : undefined;
    const inputs = isJsonObject(node) ? node['inputs'] : undefined;
    if (!isJsonObject(node) || !isJsonObject(inputs) || !isDataUriText(inputs[name])) continue;
    copy[nodeId] = { ...node, inputs: { ...inputs, [name]: STORED_MEDIA } };
  }
  return copy;
}

function withoutNamedMedia(
  values: JsonValue,
  kept: readonly RequestMedia[],
  names: ReadonlyMap<string, string>,
): JsonValue {
  if (!isJsonObject(values)) return values;
  const copy: JsonObject = { ...values };
  for (const { nodeId, name } of kept) {
    const parameter = names.get(inputKey(nodeId, name));
    if (parameter !== undefined && isDataUriText(copy[parameter])) copy[parameter] = STORED_MEDIA;
  }
  return copy;
}

function isDataUriText(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && /^\s{0,16}data:/i.test(value.slice(0, 24));
}
