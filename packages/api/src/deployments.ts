// Deployments: the record, the bodies that create and change one, the list's query, and the rules across fields
// (api.md 2.5).
import Type, { type Static } from 'typebox';
import { Id, Instant, Name, Word } from './fields.ts';
import { MAX_INSTANCES_MAX, MIN_INSTANCES_MAX } from './limits.ts';
import { listNearest } from './nearest.ts';
import { isJsonObject, numberOf, type Problem } from './problems.ts';
import { type Read, read } from './read.ts';

export const DEPLOYMENT_STATUSES = ['standby', 'starting', 'running', 'disabled', 'error'] as const;
export type DeploymentStatus = (typeof DEPLOYMENT_STATUSES)[number];

/** The contract sets no upper bound here; the database's integer does. */
const INT32_MAX = 2_147_483_647;

const Version = Type.Unsafe<string>({ ...Word, description: 'Such as `v1`; `latest` is resolved and pinned.' });
const Hardware = Type.Union([Type.Array(Word, { minItems: 1, maxItems: 1 }), Word], {
  description: "A list of exactly one SKU, or the SKU itself. Left out: the server's default SKU.",
  examples: [['AMPERE_48']],
});
const MinInstances = { minimum: 0, maximum: MIN_INSTANCES_MAX, description: 'Instances that always run.' };
const MaxInstances = {
  minimum: 1,
  maximum: MAX_INSTANCES_MAX,
  description: 'Never more than this; at least min_instances.',
};
const QueueSize = {
  minimum: 0,
  maximum: INT32_MAX,
  description: 'Queue length per instance above which capacity is added.',
};
const KeepWarm = { minimum: 0, maximum: INT32_MAX, description: 'How long an idle instance stays.' };

const ShareInstances = {
  description:
    'Its instances also run other deployments of the account that share, with the same hardware and environment. Shown with `includes=share_instances`.',
};

export const DeploymentCreate = Type.Object({
  name: Name,
  workflow_id: Id,
  workflow_version: Version,
  hardware: Type.Optional(Hardware),
  min_instances: Type.Optional(Type.Integer({ ...MinInstances, default: 0 })),
  max_instances: Type.Optional(Type.Integer({ ...MaxInstances, default: 1 })),
  queue_size: Type.Optional(Type.Integer({ ...QueueSize, default: 1 })),
  keep_warm_duration_in_seconds: Type.Optional(Type.Integer({ ...KeepWarm, default: 60 })),
  share_instances: Type.Optional(Type.Boolean({ ...ShareInstances, default: false })),
});

export const DeploymentPatch = Type.Object({
  name: Type.Optional(Name),
  workflow_id: Type.Optional(Id),
  workflow_version: Type.Optional(Version),
  hardware: Type.Optional(Hardware),
  min_instances: Type.Optional(Type.Integer(MinInstances)),
  max_instances: Type.Optional(Type.Integer(MaxInstances)),
  queue_size: Type.Optional(Type.Integer(QueueSize)),
  keep_warm_duration_in_seconds: Type.Optional(Type.Integer(KeepWarm)),
  share_instances: Type.Optional(Type.Boolean(ShareInstances)),
  is_enabled: Type.Optional(Type.Boolean({ description: 'false ends every queued and running request with 10002.' })),
});

export const DEPLOYMENT_INCLUDES = ['payload', 'readme', 'share_instances', 'status_reason'] as const;
const Includes = Type.Optional(
  Type.Array(Type.Enum(DEPLOYMENT_INCLUDES), { default: [], description: 'What to add to each record; repeatable.' }),
);

export const DeploymentListQuery = Type.Object({
  ids: Type.Optional(Type.Array(Id, { description: 'Only these deployments; repeatable.' })),
  includes: Includes,
});
export const DeploymentQuery = Type.Object({ includes: Includes });

export const DeploymentPayload = Type.Object({
  workflow_api_json: Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true }),
  overrides: Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    additionalProperties: true,
    description: "A ready sample of a submit body's overrides.",
  }),
  object_info_url: Type.String({ description: 'Public, at an unguessable address.' }),
});

export const Deployment = Type.Object({
  id: Id,
  name: Type.String(),
  workflow_id: Id,
  workflow_version: Type.String(),
  hardware: Type.Array(Type.String(), { minItems: 1, maxItems: 1 }),
  min_instances: Type.Integer(),
  max_instances: Type.Integer(),
  queue_size: Type.Integer(),
  keep_warm_duration_in_seconds: Type.Integer(),
  status: Type.Enum(DEPLOYMENT_STATUSES),
  is_enabled: Type.Boolean(),
  created_at: Instant,
  updated_at: Instant,
  payload: Type.Optional(DeploymentPayload),
  readme: Type.Optional(Type.String()),
  share_instances: Type.Optional(Type.Boolean()),
  status_reason: Type.Optional(
    Type.String({ description: 'Why it is not running; with `includes=status_reason`, where something is wrong.' }),
  ),
});
export type Deployment = Static<typeof Deployment>;

/** A list of deployments is a bare array. */
export const DeploymentList = Type.Array(Deployment);

export const DeploymentDeleted = Type.Object({ id: Id, deleted: Type.Literal(true) });

/** A body of POST /deployments with its defaults filled in. `hardware` is left out when the caller left it out. */
export interface DeploymentCreateInput {
  name: string;
  workflow_id: string;
  workflow_version: string;
  hardware?: string;
  min_instances: number;
  max_instances: number;
  queue_size: number;
  keep_warm_duration_in_seconds: number;
  share_instances: boolean;
}

export type DeploymentPatchInput = Partial<DeploymentCreateInput> & { is_enabled?: boolean };

/** Reads a body of POST /deployments, every problem at once, those across fields too. */
export function readDeploymentCreate(body: unknown, rules: DeploymentRules = {}): Read<DeploymentCreateInput> {
  const result = read(DeploymentCreate, body);
  const problems = result.kind === 'refused' ? result.problems : [];
  problems.push(...checkDeployment(comparableFields(body, problems), rules));
  if (result.kind === 'refused' || problems.length > 0) return { kind: 'refused', problems };
  const { hardware, ...given } = result.value;
  const { min_instances = 0, max_instances = 1, queue_size = 1, keep_warm_duration_in_seconds = 60 } = given;
  const { share_instances = false } = given;
  const scaling = { min_instances, max_instances, queue_size, keep_warm_duration_in_seconds, share_instances };
  return { kind: 'ok', value: { ...given, ...scaling, ...oneSku(hardware) } };
}

/** Reads a body of PATCH /deployments/{d}: only what was given. checkDeployment then judges the patched record. */
export function readDeploymentPatch(body: unknown): Read<DeploymentPatchInput> {
  const result = read(DeploymentPatch, body);
  if (result.kind === 'refused') return result;
  const { hardware, ...given } = result.value;
  return { kind: 'ok', value: { ...given, ...oneSku(hardware) } };
}

/** What of a new deployment can be judged across fields: those with a problem of their own say enough already. */
function comparableFields(body: unknown, problems: readonly Problem[]): DeploymentFields {
  const fields = isJsonObject(body) ? body : {};
  const isSound = (key: string) => !problems.some(({ loc }) => loc[1] === key);
  const hardware = fields['hardware'];
  const sku: unknown = Array.isArray(hardware) ? hardware[0] : hardware;
  return {
    min_instances: isSound('min_instances') ? (numberOf(fields['min_instances']) ?? 0) : 0,
    max_instances: isSound('max_instances') ? (numberOf(fields['max_instances']) ?? 1) : MAX_INSTANCES_MAX,
    ...(typeof sku === 'string' && isSound('hardware') ? { hardware: sku } : {}),
  };
}

function oneSku(hardware: string[] | string | undefined): { hardware?: string } {
  const sku = typeof hardware === 'string' ? hardware : hardware?.[0];
  return sku === undefined ? {} : { hardware: sku };
}

export interface DeploymentFields {
  min_instances: number;
  max_instances: number;
  hardware?: string;
}

export interface DeploymentRules {
  /** The SKUs the server has; left out, any is taken. */
  knownSkus?: readonly string[];
  /** The fields the caller sent, so that a problem points at one of them: a PATCH of min_instances alone is at fault there. */
  sent?: readonly string[];
}

/** The rules across fields, for the deployment as it would be: a new one with its defaults, or a record with its patch. */
export function checkDeployment(fields: DeploymentFields, { knownSkus, sent }: DeploymentRules = {}): Problem[] {
  const problems: Problem[] = [];
  const { min_instances: min, max_instances: max, hardware } = fields;
  if (max < min) {
    const isMin = sent?.includes('min_instances') === true && !sent.includes('max_instances');
    const msg = `max_instances (${max}) must be at least min_instances (${min}): raise max_instances or lower min_instances.`;
    problems.push({
      loc: ['body', isMin ? 'min_instances' : 'max_instances'],
      msg,
      type: 'max_below_min',
      input: isMin ? min : max,
    });
  }
  if (hardware !== undefined && knownSkus !== undefined && !knownSkus.includes(hardware)) {
    const [near] = listNearest(hardware, knownSkus, 1);
    const tip = near === undefined ? '' : ` Did you mean "${near}"?`;
    const msg = `hardware "${hardware}" is not a SKU of this server; it has ${knownSkus.join(', ')}.${tip}`;
    problems.push({ loc: ['body', 'hardware'], msg, type: 'value_not_in_list', input: hardware });
  }
  return problems;
}
