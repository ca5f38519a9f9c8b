// Rows of workflows and versions → the contract's records. Called by routes.ts.
import { formatInstant } from '@comfleet/api';
import type { VersionRow, WorkflowRow } from './workflows.sql.ts';

export function viewWorkflow(row: WorkflowRow) {
  const latest = row.last_version > 0 ? { latest_version: `v${row.last_version}` } : {};
  return { id: row.id, name: row.name, created_at: formatInstant(row.created_at), ...latest };
}

export function viewVersion(row: VersionRow, nodeCount: number) {
  return {
    workflow_id: row.workflow_id,
    version: `v${row.number}`,
    created_at: formatInstant(row.created_at),
    node_count: nodeCount,
    // Named parameters are not served yet: no version declares any.
    parameters: [],
    parameters_schema: { type: 'object', properties: {} },
    findings: JSON.parse(row.findings) as object[],
  };
}

/** JSON text: the graph goes out exactly as it was stored, big integers included. */
export function viewVersionInFull(
  row: VersionRow,
  more: { nodeCount: number; objectInfoUrl: string | undefined; usedBy: readonly string[] },
): string {
  const head = JSON.stringify({
    ...viewVersion(row, more.nodeCount),
    ...(more.objectInfoUrl === undefined ? {} : { object_info_url: more.objectInfoUrl }),
    ...(row.readme === null ? {} : { readme: row.readme }),
    used_by: more.usedBy,
  });
  const environment = row.environment === null ? '' : `,"environment":${row.environment}`;
  return `${head.slice(0, -1)}${environment},"workflow_api_json":${row.graph}}`;
}
