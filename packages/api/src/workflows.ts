// Workflows and their immutable versions: bodies, records, and the rules across a version's fields (api.md 3, 3.1).
import Type, { type Static } from 'typebox';
import { Id, Instant, Name, NO_NUL, OpenObject, PageQuery } from './fields.ts';
import { listNearest } from './nearest.ts';
import { isJsonObject, type Problem } from './problems.ts';
import { type Read, read } from './read.ts';

export const WorkflowCreate = Type.Object({ name: Name });

export const Workflow = Type.Object({
  id: Id,
  name: Type.String(),
  created_at: Instant,
  latest_version: Type.Optional(Type.String({ examples: ['v3'] })),
});
export type Workflow = Static<typeof Workflow>;

export const PageOfWorkflows = Type.Object({ data: Type.Array(Workflow), next_cursor: Type.Optional(Type.String()) });
export const WorkflowListQuery = Type.Object(PageQuery);
export const WorkflowDeleted = Type.Object({ id: Id, deleted: Type.Literal(true) });

const ParameterTarget = {
  node: Type.String({ minLength: 1, ...NO_NUL, description: 'The node id.' }),
  input: Type.String({ minLength: 1, ...NO_NUL, description: "The input's name at that node." }),
  label: Type.Optional(Type.String({ maxLength: 200, ...NO_NUL })),
  description: Type.Optional(Type.String({ maxLength: 4_000, ...NO_NUL })),
  default: Type.Optional(Type.Unknown()),
};
const ParameterInList = Type.Object({ name: Name, ...ParameterTarget });
const ParameterByName = Type.Object(ParameterTarget);

export const VersionCreate = Type.Object({
  workflow_api_json: Type.Optional(
    Type.Unsafe<Record<string, unknown>>({
      ...OpenObject,
      description: "The graph in ComfyUI's API format; the editor's format is converted.",
    }),
  ),
  workflow_json: Type.Optional(
    Type.Unsafe<Record<string, unknown>>({
      ...OpenObject,
      description: "The workflow in the editor's format; converted.",
    }),
  ),
  object_info: Type.Optional(
    Type.Unsafe<Record<string, unknown>>({ ...OpenObject, description: 'Left out: captured from a running instance.' }),
  ),
  environment: Type.Optional(Type.Union([OpenObject, Type.String(NO_NUL)])),
  readme: Type.Optional(Type.String(NO_NUL)),
  parameters: Type.Optional(
    Type.Union([Type.Array(ParameterInList), Type.Record(Type.String(), ParameterByName)], {
      description: 'Named parameters: a list, or name → the rest. Left out: suggested from the graph.',
    }),
  ),
});

export const VersionCreateQuery = Type.Object({
  force: Type.Optional(Type.Boolean({ default: false, description: 'Save in spite of findings of severity error.' })),
});

export const Finding = Type.Object({
  severity: Type.Enum(['error', 'warning']),
  loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
  msg: Type.String(),
  type: Type.String(),
});
export type Finding = Static<typeof Finding>;

export const Parameter = Type.Object({
  name: Type.String(),
  node: Type.String(),
  input: Type.String(),
  type: Type.Optional(Type.String({ description: "The input's type in object_info." })),
  label: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  default: Type.Optional(Type.Unknown()),
});
export type Parameter = Static<typeof Parameter>;

const VersionFields = {
  workflow_id: Id,
  version: Type.String({ examples: ['v1'] }),
  created_at: Instant,
  node_count: Type.Integer({ minimum: 0 }),
  parameters: Type.Array(Parameter),
  parameters_schema: Type.Unsafe<Record<string, unknown>>({
    ...OpenObject,
    description: 'JSON Schema of the parameters.',
  }),
  findings: Type.Array(Finding),
};
export const Version = Type.Object(VersionFields);
export type Version = Static<typeof Version>;

export const VersionInFull = Type.Object({
  ...VersionFields,
  workflow_api_json: OpenObject,
  workflow_json: Type.Optional(OpenObject),
  object_info_url: Type.String(),
  readme: Type.Optional(Type.String()),
  environment: Type.Optional(Type.Union([OpenObject, Type.String()])),
  used_by: Type.Array(Id, { description: 'The deployments that pin this version.' }),
});
export type VersionInFull = Static<typeof VersionInFull>;

export const PageOfVersions = Type.Object({ data: Type.Array(Version), next_cursor: Type.Optional(Type.String()) });
export const VersionListQuery = Type.Object(PageQuery);
export const VersionDeleted = Type.Object({ workflow_id: Id, version: Type.String(), deleted: Type.Literal(true) });

export interface VersionInput {
  workflow_api_json?: Record<string, unknown>;
  workflow_json?: Record<string, unknown>;
  object_info?: Record<string, unknown>;
  environment?: Record<string, unknown> | string;
  readme?: string;
  parameters?: Parameter[];
}

/** Reads a body of POST /workflows/{w}/versions. One of the two graphs is required; parameters come out as a list. */
export function readVersionCreate(body: unknown): Read<VersionInput> {
  const result = read(VersionCreate, body);
  const missing = isJsonObject(body) ? checkHasGraph(body) : [];
  const problems = [...(result.kind === 'refused' ? result.problems : []), ...missing];
  if (result.kind === 'refused' || problems.length > 0) return { kind: 'refused', problems };
  const { parameters, ...given } = result.value;
  if (parameters === undefined) return { kind: 'ok', value: given };
  const list = Array.isArray(parameters)
    ? parameters
    : Object.entries(parameters).map(([name, target]) => ({ name, ...target }));
  if (list.length <= MAX_PARAMETERS) return { kind: 'ok', value: { ...given, parameters: list } };
  const msg = `parameters has ${list.length} entries; a version has at most ${MAX_PARAMETERS}.`;
  return { kind: 'refused', problems: [{ loc: ['body', 'parameters'], msg, type: 'too_long' }] };
}

/** Each is looked for in the graph and among the others. */
const MAX_PARAMETERS = 500;

function checkHasGraph(body: Record<string, unknown>): Problem[] {
  if (isGiven(body['workflow_api_json']) || isGiven(body['workflow_json'])) return [];
  const others = Object.keys(body).filter((key) => !(key in VersionCreate.properties));
  const near =
    others.find((key) => /^(workflow|prompt|graph|api_json|json)$/i.test(key)) ??
    listNearest('workflow_api_json', others, 1)[0];
  const isBare = Object.values(body).some((value) => isJsonObject(value) && 'class_type' in value);
  const rename = near === undefined ? '' : ` There is "${near}": rename it.`;
  const tip = isBare ? ' The body is a graph itself: wrap it, {"workflow_api_json": <the graph>}.' : rename;
  const msg = `The graph is missing: send it as workflow_api_json, in ComfyUI's API format ("Export (API)"), or as workflow_json, the editor's own file.${tip}`;
  return [{ loc: ['body', 'workflow_api_json'], msg, type: 'missing' }];
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
