// The JSON text of the graph as it goes to an instance: the request's literals, its media's names there, and the folder
// of its own that its files are told to go to. Called by run.ts.
import { inputKey, type JsonValue } from '@comfleet/comfyui';
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import type { LiveRequest } from '../requests/live.ts';
import { type RequestPayload, restorePayload } from '../requests/payload.ts';
import { findPayload } from '../requests/requests.sql.ts';
import type { Versions } from '../workflows/versions.ts';

/** Reads the payload back when memory let go of it, or after a restart. */
export async function loadPayload(
  deps: { readonly db: Database; readonly versions: Versions },
  request: LiveRequest,
): Promise<RequestPayload> {
  // A restart of the database must not fail an accepted request.
  const version = await persist(() => deps.versions.load(request.versionId));
  const row = await persist(() => findPayload(deps.db, request.id));
  if (version === undefined || row === undefined) throw new Error('the payload of an accepted request is missing');
  return restorePayload(version, { body: row.body, extraData: row.extra_data });
}

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
