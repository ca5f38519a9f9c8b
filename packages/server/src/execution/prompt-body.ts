// The JSON text of the graph as it goes to an instance: the request's literals, its media's names there, and the folder
// of its own that its files are told to go to. Called by run.ts.
import { inputKey, type JsonValue } from '@comfleet/comfyui';
import type { RequestPayload } from '../requests/payload.ts';

export function buildPrompt(
  payload: RequestPayload,
  given: { readonly names: ReadonlyMap<string, string>; readonly folder: string },
): string {
  const holes = new Map<string, JsonValue>(given.names);
  for (const { nodeId, name, value } of payload.prepared.savePrefixes()) {
    if (isPlainPrefix(value)) holes.set(inputKey(nodeId, name), `${given.folder}/${value}`);
  }
  return payload.prepared.toBody(holes);
}

// A prefix that leads out of the output folder is ComfyUI's to refuse: below our folder it would be let through.
export function isPlainPrefix(value: string): boolean {
  return value !== '' && !/^[/\\]|^[a-z]:|\\|(^|\/)\.{1,2}(\/|$)|\/$/i.test(value);
}
