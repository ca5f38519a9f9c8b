// Rows of workflows and versions → the contract's records. Called by routes.ts.
import { formatInstant } from '@comfleet/api';
import type { VersionRow, WorkflowRow } from './workflows.sql.ts';

export function viewWorkflow(row: WorkflowRow) {
  const latest = row.last_version > 0 ? { latest_version: `v${row.last_version}` } : {};
  return { id: row.id, name: row.name, created_at: formatInstant(row.created_at), ...latest };
}

/** JSON text: defaults and bounds go out exactly as they were stored, big integers included. */
export function viewVersion(row: VersionRow, nodeCount: number): string {
  const head = JSON.stringify({
    workflow_id: row.workflow_id,
    version: `v${row.number}`,
    created_at: formatInstant(row.created_at),
    node_count: nodeCount,
  });
  return `${head.slice(0, -1)},"parameters":${row.parameters},"parameters_schema":${row.parameters_schema},"findings":${row.findings}}`;
}

/** JSON text, as above. */
export function viewVersionInFull(
  row: VersionRow,
  more: { nodeCount: number; objectInfoUrl: string | undefined; usedBy: readonly string[] },
): string {
  const rest = JSON.stringify({
    ...(more.objectInfoUrl === undefined ? {} : { object_info_url: more.objectInfoUrl }),
    ...(row.readme === null ? {} : { readme: row.readme }),
    used_by: more.usedBy,
  });
  const environment = row.environment === null ? '' : `,"environment":${row.environment}`;
  const editor = row.workflow_json === null ? '' : `,"workflow_json":${row.workflow_json}`;
  const graphs = `,"workflow_api_json":${row.graph}${editor}`;
  return `${viewVersion(row, more.nodeCount).slice(0, -1)},${rest.slice(1, -1)}${environment}${graphs}}`;
}
