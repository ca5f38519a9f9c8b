// The reply of a deployment's pre-flight: what each place that could run its graph lacks, and what to do about it.
import Type, { type Static } from 'typebox';
import { Id } from './fields.ts';
import { Finding } from './workflows.ts';

const MissingNode = Type.Object({
  class_type: Type.String(),
  node_ids: Type.Array(Type.String(), { description: 'The nodes of the graph that are of this class.' }),
  remedy: Type.String(),
});
const MissingModel = Type.Object({
  node_id: Type.String(),
  input: Type.String(),
  file: Type.String(),
  folder: Type.Optional(Type.String({ description: "Below ComfyUI's models folder." })),
  remedy: Type.String(),
});

export const PreflightCheck = Type.Object({
  source: Type.Enum(['version', 'instance'], {
    description: '`version`: against the object_info saved with the version. `instance`: against a live instance.',
  }),
  instance_id: Type.Optional(Id),
  ok: Type.Boolean(),
  missing_nodes: Type.Array(MissingNode),
  missing_models: Type.Array(MissingModel),
  findings: Type.Array(Finding, { description: 'What else would be refused there.' }),
});
export type PreflightCheck = Static<typeof PreflightCheck>;

export const Preflight = Type.Object({
  deployment_id: Id,
  workflow_version: Type.String(),
  ok: Type.Boolean({
    description: 'True when at least one place was asked and nothing is missing anywhere, the hardware neither.',
  }),
  hardware_problem: Type.Optional(
    Type.String({ description: 'What keeps the hardware of the deployment from having instances.' }),
  ),
  checks: Type.Array(PreflightCheck),
});
export type Preflight = Static<typeof Preflight>;
