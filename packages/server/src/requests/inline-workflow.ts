// A graph in the body of a submit that is the editor's own file: converted with the version's object_info, as the editor
// would queue it at this moment. Called by payload.ts; what is stored of a request is the converted graph.
import { validationError } from '@comfleet/api';
import { isEditorFormat, type JsonObject, type JsonValue } from '@comfleet/comfyui';
import { convertEditorWorkflow } from '../workflows/convert-editor.ts';
import type { LoadedVersion } from '../workflows/versions.ts';

type Place = (string | number)[];

export interface InlineWorkflow {
  readonly body: JsonObject;
  /** The place in what the caller sent, for a place in the body as it is used. */
  placeOf(loc: Place): Place;
}

export function convertInline(version: LoadedVersion, body: JsonObject): InlineWorkflow {
  const workflow = body['workflow_api_json'];
  if (workflow === undefined || !isEditorFormat(workflow)) return { body, placeOf: (loc) => loc };
  const converted = convertEditorWorkflow({
    workflow,
    info: version.info,
    field: 'workflow_api_json',
    now: new Date(),
    random: Math.random,
  });
  // An empty graph would stand for the version's own.
  if (Object.keys(converted.graph).length === 0) {
    const msg = 'This workflow has no node that runs: each is muted, bypassed or only for the editor.';
    throw validationError([{ loc: ['body', 'workflow_api_json'], msg, type: 'prompt_no_outputs' }]);
  }
  return {
    body: { ...body, workflow_api_json: converted.graph as unknown as JsonValue },
    placeOf: (loc) => (loc[0] === 'body' && loc[1] === 'workflow_api_json' ? converted.placeOf(loc.slice(2)) : loc),
  };
}
