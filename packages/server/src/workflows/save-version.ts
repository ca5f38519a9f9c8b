// "Cloud Save": an immutable version from a workflow_api_json. Validated on save, with findings. Called by routes.ts.
import { ApiError, DEFAULT_LIMITS, echo, isJsonObject, type Problem, validationError } from '@comfleet/api';
import {
  compileGraph,
  type Graph,
  isEditorFormat,
  type JsonValue,
  type ObjectInfo,
  parseGraph,
  stringifyJson,
  TOO_MANY_INPUTS,
  validateGraph,
} from '@comfleet/comfyui';
import type { Database } from '../db/database.ts';
import { recordVersion, type WorkflowActor } from './change-workflow.ts';
import { type ConvertedWorkflow, convertEditorWorkflow } from './convert-editor.ts';
import type { ObjectInfos } from './object-infos.ts';
import { checkDeclared, type NamedParameter } from './parameters.pure.ts';
import { describeParameters } from './versions.ts';
import { insertVersion, pruneUnusedVersions, takeVersionNumber, type VersionRow } from './workflows.sql.ts';

export interface SaveVersionInput {
  readonly workflowId: string;
  readonly actor: WorkflowActor;
  readonly body: { readonly [key: string]: JsonValue };
  /** The declared parameters as a list; undefined: suggested from the graph. */
  readonly parameters: readonly NamedParameter[] | undefined;
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
  /** There is hardware whose instances may have nodes that those for everybody lack. */
  readonly othersMayKnow: boolean;
  /** How many versions that no deployment uses a workflow keeps. */
  readonly unusedVersions: number;
}

/** Refuses with 422001 when a finding is an error, unless forced. */
export async function saveVersion(deps: Deps, input: SaveVersionInput): Promise<VersionRow> {
  const editor = findEditorWorkflow(input.body);
  // What is wrong with a graph is told before anything is stored.
  const given = editor === undefined ? readGraph(input.body) : undefined;
  const opened = await openObjectInfo(deps, input.body['object_info']);
  const { info } = opened;
  const converted = editor === undefined ? undefined : convert(editor, info);
  const graph = converted === undefined ? (given ?? {}) : (converted.graph as unknown as JsonValue);
  const parsed = readNodes(graph);
  requireFit(input, parsed, info ?? {});
  const judged = judge(parsed, { info, converted });
  const isHopeless = judged.some(({ type }) => type === TOO_MANY_INPUTS);
  const mayBeKnownElsewhere = opened.isOfEverybody && deps.othersMayKnow && converted === undefined && !isHopeless;
  const findings = mayBeKnownElsewhere && hasErrors(judged) ? leaveToHardware(judged) : judged;
  if (hasErrors(findings) && (isHopeless || !input.force)) throw refusal(findings);
  const objectInfoSha256 = findings === judged ? await opened.store() : undefined;
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
      findings: JSON.stringify(
        findings.slice(0, MAX_FINDINGS).map((finding) => ({ ...finding, ...shownInput(finding) })),
      ),
      ...describeParameters(parsed, info ?? {}, input.parameters),
      isSuggested: input.parameters === undefined,
      workflowJson: jsonText(editor?.workflow ?? input.body['workflow_json']),
    });
    if (row === undefined) throw new Error('insert of a version returned no row');
    const { workflowId, actor } = input;
    await recordVersion(tx, { kind: 'version.saved', actor, workflowId, number });
    for (const pruned of await pruneUnusedVersions(tx, workflowId, deps.unusedVersions)) {
      await recordVersion(tx, { kind: 'version.pruned', actor, workflowId, number: pruned });
    }
    return row;
  });
}

function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

function refusal(findings: readonly Finding[]): ApiError {
  const errors = findings.filter(({ severity }) => severity === 'error');
  return validationError(errors.map(({ severity: _, ...problem }) => problem));
}

/** Of a graph that the instances for everybody do not know, the first instance of its deployment's hardware is asked. */
function leaveToHardware(judged: readonly Finding[]): Finding[] {
  const msg =
    "The instances that serve everybody cannot run this graph; the first instance of its deployment's own hardware says whether it can, at the first request. What is missing for everybody is listed.";
  return [
    { severity: 'warning', loc: ['body', 'workflow_api_json'], msg, type: 'not_checked' },
    ...judged.map((finding) => ({ ...finding, severity: 'warning' as const })),
  ];
}

/** As many as a refusal lists. */
const MAX_FINDINGS = 1_000;

function shownInput({ input }: Finding): { input?: unknown } {
  return input === undefined ? {} : { input: echo(input) };
}

interface EditorWorkflow {
  readonly workflow: JsonValue;
  readonly field: 'workflow_json' | 'workflow_api_json';
}

/** The editor's file, when the graph is to be made of it: an API graph that is sent beside it goes first. */
function findEditorWorkflow(body: SaveVersionInput['body']): EditorWorkflow | undefined {
  const graph = body['workflow_api_json'] ?? undefined;
  const workflow = body['workflow_json'] ?? undefined;
  if (graph !== undefined) return isEditorFormat(graph) ? { workflow: graph, field: 'workflow_api_json' } : undefined;
  return workflow === undefined ? undefined : { workflow, field: 'workflow_json' };
}

function convert({ workflow, field }: EditorWorkflow, info: ObjectInfo | undefined): ConvertedWorkflow {
  if (info === undefined) {
    const msg =
      "No instance was live to say which node classes exist, and without them the editor's format cannot be converted: send object_info (what ComfyUI answers on GET /object_info), or the graph in API format as workflow_api_json.";
    throw validationError([{ loc: ['body', 'object_info'], msg, type: 'missing' }]);
  }
  return convertEditorWorkflow({ workflow, info, field, now: new Date() });
}

function readGraph(body: SaveVersionInput['body']): JsonValue {
  const graph = body['workflow_api_json'];
  const loc = ['body', 'workflow_api_json'];
  if (graph === undefined) {
    const msg = 'workflow_api_json is missing: send the workflow in ComfyUI\'s API format ("Export (API)").';
    throw validationError([{ loc, msg, type: 'missing' }]);
  }
  // {} may be saved: its deployments answer 10013 until a better version is pinned.
  if (isJsonObject(graph) && Object.keys(graph).length === 0) return graph as JsonValue;
  const parsed = parseGraph(graph, DEFAULT_LIMITS.graphNodes);
  if ('problems' in parsed) throw validationError(parsed.problems.map((problem) => under(problem, loc)));
  return graph;
}

interface OpenedInfo {
  readonly info: ObjectInfo | undefined;
  /** Of an instance that serves everybody, not what the caller brought. */
  readonly isOfEverybody: boolean;
  /** Gives its SHA-256. What a caller brings is stored once its version is sure to be saved: refusals fill no database. */
  store(): Promise<string | undefined>;
}

async function openObjectInfo(deps: Deps, given: JsonValue | undefined): Promise<OpenedInfo> {
  if (given === undefined || given === null) {
    const captured = await deps.captureObjectInfo();
    const sha256 = captured === undefined ? undefined : await deps.objectInfos.save(captured);
    const loaded = sha256 === undefined ? undefined : await deps.objectInfos.load(sha256);
    return { info: loaded, isOfEverybody: true, store: async () => sha256 };
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
  const info = given as unknown as ObjectInfo;
  return { info, isOfEverybody: false, store: () => deps.objectInfos.save(stringifyJson(given as JsonValue)) };
}

// What was read before can only lack nodes.
function readNodes(graph: JsonValue): Graph {
  const parsed = parseGraph(graph);
  return 'graph' in parsed ? parsed.graph : {};
}

function judge(
  graph: Graph,
  { info, converted }: { info: ObjectInfo | undefined; converted: ConvertedWorkflow | undefined },
): Finding[] {
  const placeOf = converted?.placeOf ?? ((loc) => ['body', 'workflow_api_json', ...loc]);
  const warnings = (converted?.warnings ?? []).map((warning): Finding => ({ severity: 'warning', ...warning }));
  if (Object.keys(graph).length === 0) {
    const msg = 'The workflow is empty: requests are refused with 10013 until a version with nodes is pinned.';
    return [{ severity: 'warning', loc: placeOf([]), msg, type: 'empty_workflow' }, ...warnings];
  }
  if (info === undefined) {
    const msg =
      'No instance was live to say which nodes exist, so the graph was not checked; it is checked at the first request.';
    return [{ severity: 'warning', loc: placeOf([]), msg, type: 'not_checked' }];
  }
  const { problems } = validateGraph(graph, info);
  return [
    ...problems.map((problem): Finding => ({ severity: 'error', ...problem, loc: placeOf(problem.loc) })),
    ...warnings,
  ];
}

// A parameter that does not fit is refused even by force: nobody could ever use it.
function requireFit(input: SaveVersionInput, graph: Graph, info: ObjectInfo): void {
  if (input.parameters === undefined) return;
  const isList = Array.isArray(input.body['parameters']);
  const placeOf = (index: number, name: string) => ['body', 'parameters', isList ? index : name];
  const problems = checkDeclared({ parameters: input.parameters, placeOf }, graph, compileGraph(graph, info));
  if (problems.length > 0) throw validationError(problems);
}

function under(problem: Problem, loc: (string | number)[]): Problem & { loc: (string | number)[] } {
  return { ...problem, loc: [...loc, ...problem.loc] };
}

function jsonText(value: JsonValue | undefined): string | undefined {
  return value === undefined || value === null ? undefined : stringifyJson(value);
}
