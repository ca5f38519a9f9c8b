// A proxied POST /prompt before it is sent: the graph is judged as a submit's would be, reads no files of others, writes
// into a folder of its own, and what the caller may not choose is left out. Called by prompts.ts.

import { DEFAULT_LIMITS } from '@comfleet/api';
import {
  compileGraph,
  type Graph,
  inputKey,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  listMediaInputs,
  type NamedFile,
  type ObjectInfo,
  type Problem,
  parseGraph,
  stringifyJson,
} from '@comfleet/comfyui';
import { isPlainPrefix } from '../execution/prompt-body.ts';
import { isOthersFolder, isOthersUpload } from '../files/upload-folder.ts';
import { readInputName } from './file-names.pure.ts';
import type { Owners } from './owners.ts';
import { describeProblems, noPrompt, type PromptVerdict } from './prompt-errors.pure.ts';

export interface CheckedPrompt {
  readonly graphJson: string;
  readonly extraDataJson: string | undefined;
  /** What the caller's websocket calls itself, if it named one. */
  readonly callerId: string | undefined;
}

interface Given {
  readonly body: JsonValue;
  readonly info: ObjectInfo;
  readonly promptId: string;
  readonly at: { readonly accountId: string; readonly instanceId: string };
}

export async function checkPrompt(
  owners: Owners,
  given: Given,
): Promise<{ kind: 'ok'; prompt: CheckedPrompt } | { kind: 'refused'; verdict: PromptVerdict }> {
  const { body, info, promptId } = given;
  if (!isJsonObject(body) || body['prompt'] === undefined) return { kind: 'refused', verdict: noPrompt() };
  const parsed = parseGraph(body['prompt'], DEFAULT_LIMITS.graphNodes);
  if ('problems' in parsed) return refuse(parsed.problems, undefined);
  const { graph } = parsed;
  const prepared = compileGraph(graph, info, { graphLoc: [] }).prepare();
  if ('problems' in prepared) return refuse(prepared.problems, graph);
  const foreign = await listForeignFiles(owners, given, [
    ...listMediaInputs(graph, info).map((input) => ({ ...input, isFolder: false })),
    ...prepared.namedFiles(),
  ]);
  if (foreign.length > 0) return refuse(foreign, graph);
  const holes = new Map<string, JsonValue>();
  for (const { nodeId, name, value } of prepared.savePrefixes()) {
    if (isPlainPrefix(value)) holes.set(inputKey(nodeId, name), `${promptId}/${value}`);
  }
  const clientId = body['client_id'];
  const prompt: CheckedPrompt = {
    graphJson: prepared.toBody(holes),
    extraDataJson: readExtraData(body['extra_data']),
    callerId: typeof clientId === 'string' ? clientId : undefined,
  };
  return { kind: 'ok', prompt };
}

function refuse(problems: Problem[], graph: Graph | undefined): { kind: 'refused'; verdict: PromptVerdict } {
  return { kind: 'refused', verdict: describeProblems(problems, graph) };
}

// Which socket hears of the prompt is not the caller's to say, and an id that is no text ends ComfyUI's process.
function readExtraData(value: JsonValue | undefined): string | undefined {
  if (!isJsonObject(value)) return undefined;
  const { client_id: _client, ...rest } = value as JsonObject;
  return stringifyJson(rest);
}

async function listForeignFiles(owners: Owners, { at }: Given, named: readonly NamedFile[]): Promise<Problem[]> {
  const problems = new Map<string, Problem>();
  for (const { nodeId, name, value, isFolder } of named) {
    if (await isOwnOrShared(owners, at, { value, isFolder })) continue;
    const msg = `Custom validation failed for node: ${name} - Invalid file: ${value.slice(0, 200)}`;
    problems.set(inputKey(nodeId, name), {
      loc: [nodeId, 'inputs', name],
      msg,
      type: 'custom_validation_failed',
    });
  }
  return [...problems.values()];
}

async function isOwnOrShared(
  owners: Owners,
  at: Given['at'],
  { value, isFolder }: Pick<NamedFile, 'value' | 'isFolder'>,
): Promise<boolean> {
  const file = readInputName(value);
  if (file === undefined) return false;
  // What lies elsewhere in the input folder is there for everybody; names of media by content are known by who has it.
  if (file.type !== 'input') return await owners.ownsFile(at, file);
  return isFolder ? !isOthersFolder(at.accountId, value) : !isOthersUpload(at.accountId, value);
}
