// "Cloud Save": an immutable version from a workflow_api_json. Validated on save, with findings. Called by routes.ts.
import { ApiError, DEFAULT_LIMITS, echo, isJsonObject, type Problem, validationError } from '@comfleet/api';
import { isEditorFormat, type JsonValue, parseGraph, stringifyJson, validateGraph } from '@comfleet/comfyui';
import type { Database } from '../db/database.ts';
import type { ObjectInfos } from './object-infos.ts';
import { insertVersion, takeVersionNumber, type VersionRow } from './workflows.sql.ts';

export interface SaveVersionInput {
  readonly workflowId: string;
  readonly body: { readonly [key: string]: JsonValue };
  readonly force: boolean;
}

export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly loc: (string | number)[];
  readonly msg: string;
  readonly type: string;
  readonly input?: unknown;
}

interface Deps {
  readonly db: Database;
  readonly newId: () => string;
  readonly objectInfos: ObjectInfos;
  readonly captureObjectInfo: () => Promise<string | undefined>;
}

/** Refuses with 422001 when a finding is an error, unless forced. */
export async function saveVersion(deps: Deps, input: SaveVersionInput): Promise<VersionRow> {
  const graph = readGraph(input.body);
  const objectInfoSha256 = await storeObjectInfo(deps, input.body['object_info']);
  const findings = await judge(deps, graph, objectInfoSha256);
  const errors = findings.filter((finding) => finding.severity === 'error');
  if (errors.length > 0 && !input.force) throw validationError(errors.map(({ severity: _, ...problem }) => problem));
  return await deps.db.transaction(async (tx) => {
    const number = await takeVersionNumber(tx, input.workflowId);
    if (number === undefined) throw new ApiError(404001, `There is no workflow ${input.workflowId}.`);
    const row = await insertVersion(tx, {
      id: deps.newId(),
      workflowId: input.workflowId,
      number,
      graph: stringifyJson(graph),
      objectInfoSha256,
      environment: jsonText(input.body['environment']),
      readme: typeof input.body['readme'] === 'string' ? input.body['readme'] : undefined,
      // An exact number in a value that is shown is none that JSON.stringify writes.
      findings: JSON.stringify(findings.map((finding) => ({ ...finding, ...shownInput(finding) }))),
    });
    if (row === undefined) throw new Error('insert of a version returned no row');
    return row;
  });
}

function shownInput({ input }: Finding): { input?: unknown } {
  return input === undefined ? {} : { input: echo(input) };
}

function readGraph(body: SaveVersionInput['body']): JsonValue {
  const graph = body['workflow_api_json'];
  const loc = ['body', 'workflow_api_json'];
  if (graph === undefined) {
    const editor = body['workflow_json'] !== undefined;
    const msg = editor
      ? 'workflow_json (the editor\'s format) cannot be converted yet: export the workflow in API format ("Export (API)") and send it as workflow_api_json.'
      : 'workflow_api_json is missing: send the workflow in ComfyUI\'s API format ("Export (API)").';
    throw validationError([
      {
        loc: ['body', editor ? 'workflow_json' : 'workflow_api_json'],
        msg,
        type: editor ? 'editor_format' : 'missing',
      },
    ]);
  }
  if (isEditorFormat(graph)) {
    const msg =
      'This is the editor\'s format (it has "nodes" and "links"). Export the workflow with "Export (API)" and send that.';
    throw validationError([{ loc, msg, type: 'editor_format' }]);
  }
  // {} may be saved: its deployments answer 10013 until a better version is pinned.
  if (isJsonObject(graph) && Object.keys(graph).length === 0) return graph as JsonValue;
  const parsed = parseGraph(graph, DEFAULT_LIMITS.graphNodes);
  if ('problems' in parsed) throw validationError(parsed.problems.map((problem) => under(problem, loc)));
  return graph;
}

async function storeObjectInfo(deps: Deps, given: JsonValue | undefined): Promise<string | undefined> {
  if (given === undefined || given === null) {
    const captured = await deps.captureObjectInfo();
    return captured === undefined ? undefined : await deps.objectInfos.save(captured);
  }
  if (!isJsonObject(given)) {
    throw validationError([
      {
        loc: ['body', 'object_info'],
        msg: 'object_info must be the JSON object that ComfyUI answers on GET /object_info.',
        type: 'object_type',
      },
    ]);
  }
  const text = stringifyJson(given as JsonValue);
  return await deps.objectInfos.save(text);
}

async function judge(deps: Deps, graph: JsonValue, sha256: string | undefined): Promise<Finding[]> {
  const parsed = parseGraph(graph);
  // What was read before can only lack nodes.
  if ('problems' in parsed || Object.keys(parsed.graph).length === 0) {
    const msg = 'The workflow is empty: requests are refused with 10013 until a version with nodes is pinned.';
    return [{ severity: 'warning', loc: ['body', 'workflow_api_json'], msg, type: 'empty_workflow' }];
  }
  const info = sha256 === undefined ? undefined : await deps.objectInfos.load(sha256);
  if (info === undefined) {
    const msg =
      'No instance was live to say which nodes exist, so the graph was not checked; it is checked at the first request.';
    return [{ severity: 'warning', loc: ['body', 'workflow_api_json'], msg, type: 'not_checked' }];
  }
  const verdict = validateGraph(parsed.graph, info);
  return verdict.problems.map((problem) => ({ severity: 'error', ...under(problem, ['body', 'workflow_api_json']) }));
}

function under(problem: Problem, loc: (string | number)[]): Problem & { loc: (string | number)[] } {
  return { ...problem, loc: [...loc, ...problem.loc] };
}

function jsonText(value: JsonValue | undefined): string | undefined {
  return value === undefined || value === null ? undefined : stringifyJson(value);
}
