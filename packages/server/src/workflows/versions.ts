// The index of compiled versions: a version's graph, its object_info and the validator compiled from both, built once
// and kept in memory. Called by the submit use case, by attempts after a restart, and by the deployments' view.
import {
  applyOverrides,
  type CompiledGraph,
  compileGraph,
  type Graph,
  type JsonObject,
  type ObjectInfo,
  parseGraph,
  parseJson,
  stringifyJson,
  validateGraph,
} from '@comfleet/comfyui';
import type { Queryable } from '../db/database.ts';
import type { ObjectInfos } from './object-infos.ts';
import { completeParameter, currentValue, type NamedParameter, parametersSchema } from './parameters.pure.ts';
import { suggestParameters } from './suggest-parameters.pure.ts';
import { findVersionById, setVersionObjectInfo, type VersionRow } from './workflows.sql.ts';

export interface LoadedVersion {
  readonly id: string;
  readonly workflowId: string;
  readonly number: number;
  readonly graphText: string;
  readonly graph: Graph;
  readonly info: ObjectInfo;
  /** What a request runs: the graph with the defaults that its parameters declare. */
  readonly compiled: CompiledGraph;
  readonly parameters: ReadonlyMap<string, NamedParameter>;
  readonly objectInfoSha256: string | undefined;
}

const KEPT = 500;

interface Deps {
  readonly db: Queryable;
  readonly objectInfos: ObjectInfos;
  /** Asks a live instance for its object_info; undefined when none is live. */
  readonly captureObjectInfo: () => Promise<string | undefined>;
  /** There is hardware whose instances may have nodes that those for everybody lack. */
  readonly othersMayKnow: boolean;
}

/** Asks the instances of a deployment's own hardware; undefined where it runs on those that serve everybody. */
export type Capture = () => Promise<{ readonly text: string | undefined } | undefined>;

export interface Versions {
  /** The compiled version; undefined when there is none of this id. `capture`: whom to ask for a missing object_info first. */
  load(id: string, capture?: Capture): Promise<LoadedVersion | undefined>;
}

export function createVersions(deps: Deps): Versions {
  const kept = new Map<string, LoadedVersion>();
  const loading = new Map<string, Promise<LoadedVersion | undefined>>();

  async function build(id: string, capture?: Capture): Promise<LoadedVersion | undefined> {
    const found = await findVersionById(deps.db, id);
    if (found === undefined) return undefined;
    const { row, isSure } =
      found.object_info_sha256 === null ? await captureFor(deps, found, capture) : { row: found, isSure: true };
    const sha256 = row.object_info_sha256;
    const info = (sha256 === null ? undefined : await deps.objectInfos.load(sha256)) ?? {};
    const version = compileVersion(row, info);
    // Without object_info nothing can be judged; do not keep that beyond this request.
    if (sha256 !== null && isSure) kept.set(id, version);
    const oldest = kept.keys().next().value;
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    return version;
  }

  return {
    async load(id, capture) {
      const known = kept.get(id);
      if (known) return known;
      const under = loading.get(id) ?? build(id, capture).finally(() => loading.delete(id));
      loading.set(id, under);
      return await under;
    },
  };
}

interface Captured {
  readonly row: VersionRow;
  /** On record from now on; otherwise it counts for this request alone. */
  readonly isSure: boolean;
}

// A version saved while no instance was live gets its object_info from the first one that is, and with it the types of
// its parameters.
async function captureFor(deps: Deps, row: VersionRow, capture?: Capture): Promise<Captured> {
  const own = await capture?.();
  const text = own === undefined ? await deps.captureObjectInfo() : own.text;
  if (text === undefined) return { row, isSure: false };
  const sha256 = await deps.objectInfos.save(text);
  const info = (await deps.objectInfos.load(sha256)) ?? {};
  const isDoubtful = own === undefined && deps.othersMayKnow && validateGraph(readGraph(row), info).problems.length > 0;
  if (isDoubtful) return { row: { ...row, object_info_sha256: sha256 }, isSure: false };
  const declared = row.is_suggested ? undefined : readParameters(row);
  const described = describeParameters(readGraph(row), info, declared);
  await setVersionObjectInfo(deps.db, { id: row.id, sha256, ...described });
  const { parameters, parametersSchema: parameters_schema } = described;
  return { row: { ...row, object_info_sha256: sha256, parameters, parameters_schema }, isSure: true };
}

/** The parameters that a version has, and their schema, as they are stored. */
export function describeParameters(graph: Graph, info: ObjectInfo, declared: readonly NamedParameter[] | undefined) {
  const parameters =
    declared === undefined
      ? suggestParameters(graph, info)
      : declared.map((parameter) => completeParameter(graph, info, parameter));
  return {
    parameters: stringifyJson(parameters as unknown as JsonObject[]),
    parametersSchema: stringifyJson(parametersSchema(parameters, graph, info)),
  };
}

function readParameters(row: VersionRow): NamedParameter[] {
  return parseJson(row.parameters) as unknown as NamedParameter[];
}

// A version saved empty (or with ?force=true) is kept as it is; submits against it are refused with the reason.
function readGraph(row: VersionRow): Graph {
  const parsed = parseGraph(parseJson(row.graph));
  return 'graph' in parsed ? parsed.graph : {};
}

function compileVersion(row: VersionRow, info: ObjectInfo): LoadedVersion {
  const graph = readGraph(row);
  const parameters = readParameters(row);
  return {
    id: row.id,
    workflowId: row.workflow_id,
    number: row.number,
    graphText: row.graph,
    graph,
    info,
    compiled: compileGraph(withDefaults(graph, info, parameters), info, { graphLoc: ['version', 'workflow_api_json'] }),
    parameters: new Map(parameters.map((parameter) => [parameter.name, parameter])),
    objectInfoSha256: row.object_info_sha256 ?? undefined,
  };
}

function withDefaults(graph: Graph, info: ObjectInfo, parameters: readonly NamedParameter[]): Graph {
  const overrides: JsonObject = {};
  for (const parameter of parameters) {
    if (parameter.default === undefined) continue;
    if (stringifyJson(parameter.default) === stringifyJson(currentValue(graph, parameter) ?? null)) continue;
    const inputs = (overrides[parameter.node] as JsonObject | undefined)?.['inputs'] as JsonObject | undefined;
    overrides[parameter.node] = { inputs: { ...inputs, [parameter.input]: parameter.default } };
  }
  if (Object.keys(overrides).length === 0) return graph;
  const applied = applyOverrides(graph, overrides, info);
  return 'graph' in applied ? applied.graph : applied.accepted.graph;
}
