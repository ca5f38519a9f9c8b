// The index of compiled versions: a version's graph, its object_info and the validator compiled from both, built once
// and kept in memory. Called by the submit use case, by attempts after a restart, and by the deployments' view.
import {
  type CompiledGraph,
  compileGraph,
  type Graph,
  type ObjectInfo,
  parseGraph,
  parseJson,
} from '@comfleet/comfyui';
import type { Queryable } from '../db/database.ts';
import type { ObjectInfos } from './object-infos.ts';
import { findVersionById, setVersionObjectInfo, type VersionRow } from './workflows.sql.ts';

export interface LoadedVersion {
  readonly id: string;
  readonly workflowId: string;
  readonly number: number;
  readonly graphText: string;
  readonly graph: Graph;
  readonly info: ObjectInfo;
  readonly compiled: CompiledGraph;
  readonly objectInfoSha256: string | undefined;
}

const KEPT = 500;

interface Deps {
  readonly db: Queryable;
  readonly objectInfos: ObjectInfos;
  /** Asks a live instance for its object_info; undefined when none is live. */
  readonly captureObjectInfo: () => Promise<string | undefined>;
}

export interface Versions {
  /** The compiled version; undefined when there is none of this id. */
  load(id: string): Promise<LoadedVersion | undefined>;
}

export function createVersions(deps: Deps): Versions {
  const kept = new Map<string, LoadedVersion>();
  const loading = new Map<string, Promise<LoadedVersion | undefined>>();

  async function build(id: string): Promise<LoadedVersion | undefined> {
    const row = await findVersionById(deps.db, id);
    if (row === undefined) return undefined;
    const sha256 = row.object_info_sha256 ?? (await captureFor(deps, row));
    const info = (sha256 === undefined ? undefined : await deps.objectInfos.load(sha256)) ?? {};
    const version = compileVersion(row, info, sha256);
    // Without object_info nothing can be judged; do not keep that beyond this request.
    if (sha256 !== undefined) kept.set(id, version);
    const oldest = kept.keys().next().value;
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    return version;
  }

  return {
    async load(id) {
      const known = kept.get(id);
      if (known) return known;
      const under = loading.get(id) ?? build(id).finally(() => loading.delete(id));
      loading.set(id, under);
      return await under;
    },
  };
}

// A version saved while no instance was live gets its object_info from the first one that is.
async function captureFor(deps: Deps, row: VersionRow): Promise<string | undefined> {
  const text = await deps.captureObjectInfo();
  if (text === undefined) return undefined;
  const sha256 = await deps.objectInfos.save(text);
  await setVersionObjectInfo(deps.db, row.id, sha256);
  return sha256;
}

function compileVersion(row: VersionRow, info: ObjectInfo, sha256: string | undefined): LoadedVersion {
  const parsed = parseGraph(parseJson(row.graph));
  // A version saved empty (or with ?force=true) is kept as it is; submits against it are refused with the reason.
  const graph = 'graph' in parsed ? parsed.graph : {};
  return {
    id: row.id,
    workflowId: row.workflow_id,
    number: row.number,
    graphText: row.graph,
    graph,
    info,
    compiled: compileGraph(graph, info, { graphLoc: ['version', 'workflow_api_json'] }),
    objectInfoSha256: sha256,
  };
}
