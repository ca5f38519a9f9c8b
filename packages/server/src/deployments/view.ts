// A deployment's record as the contract shows it, with its payload and readme when asked. Called by routes.ts.
import { formatInstant } from '@comfleet/api';
import { inputKey, type JsonObject, listMediaInputs, stringifyJson } from '@comfleet/comfyui';
import type { Queryable } from '../db/database.ts';
import type { ObjectInfos } from '../workflows/object-infos.ts';
import type { LoadedVersion, Versions } from '../workflows/versions.ts';
import { findVersionById } from '../workflows/workflows.sql.ts';
import type { DeploymentRow } from './deployments.sql.ts';

export interface DeploymentStatus {
  readonly status: 'standby' | 'starting' | 'running' | 'disabled' | 'error';
  /** Why it is not running; undefined where nothing is wrong. */
  readonly reason: string | undefined;
}

export interface ViewDeps {
  readonly db: Queryable;
  readonly versions: Versions;
  readonly objectInfos: ObjectInfos;
  readonly statusOf: (row: DeploymentRow) => DeploymentStatus;
}

export interface Includes {
  readonly payload: boolean;
  readonly readme: boolean;
  /** Not of the contract, as the next one: clients that decode strictly know no such field. */
  readonly shareInstances: boolean;
  readonly statusReason: boolean;
}

/** JSON text: a graph goes out exactly as it was stored. */
export async function viewDeployment(
  deps: ViewDeps,
  row: DeploymentRow,
  { includes, base }: { includes: Includes; base: string },
): Promise<string> {
  const readme = includes.readme ? ((await findVersionById(deps.db, row.version_id))?.readme ?? '') : undefined;
  const { status, reason } = deps.statusOf(row);
  const head = JSON.stringify({
    id: row.id,
    name: row.name,
    workflow_id: row.workflow_id,
    workflow_version: `v${row.version_number}`,
    hardware: [row.hardware],
    min_instances: row.min_instances,
    max_instances: row.max_instances,
    queue_size: row.queue_size,
    keep_warm_duration_in_seconds: row.keep_warm_seconds,
    status,
    is_enabled: row.is_enabled,
    created_at: formatInstant(row.created_at),
    updated_at: formatInstant(row.updated_at),
    ...(readme === undefined ? {} : { readme }),
    ...(includes.shareInstances ? { share_instances: row.share_instances } : {}),
    ...(includes.statusReason && reason !== undefined ? { status_reason: reason } : {}),
  });
  if (!includes.payload) return head;
  const version = await deps.versions.load(row.version_id);
  if (version === undefined) return head;
  return `${head.slice(0, -1)},"payload":${await viewPayload(deps, version, base)}}`;
}

async function viewPayload(deps: ViewDeps, version: LoadedVersion, base: string): Promise<string> {
  const path =
    version.objectInfoSha256 === undefined ? undefined : await deps.objectInfos.path(version.objectInfoSha256);
  const url = path === undefined ? '' : `,"object_info_url":${JSON.stringify(`${base}${path}`)}`;
  return `{"workflow_api_json":${version.graphText},"overrides":${stringifyJson(sampleOverrides(version))}${url}}`;
}

const TELLING_INPUT = /^(seed|noise_seed|text|prompt|value|width|height|steps|cfg|image)$/;

/** What a caller would change first: media inputs, prompts, seeds and sizes, with the values the graph has now. */
export function sampleOverrides({ graph, info }: Pick<LoadedVersion, 'graph' | 'info'>): JsonObject {
  const sample: JsonObject = {};
  const media = new Set(listMediaInputs(graph, info).map(({ nodeId, name }) => inputKey(nodeId, name)));
  for (const [nodeId, node] of Object.entries(graph)) {
    const chosen = Object.entries(node.inputs).filter(
      ([name, value]) => !Array.isArray(value) && (media.has(inputKey(nodeId, name)) || TELLING_INPUT.test(name)),
    );
    if (chosen.length > 0) sample[nodeId] = { inputs: Object.fromEntries(chosen) };
  }
  return sample;
}
