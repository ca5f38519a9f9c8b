// What the timeline tells of deployments: made, changed (with old and new values), enabled, disabled, deleted. Called by
// change.ts inside the transaction of the change.
import type { Queryable } from '../db/database.ts';
import { type Changes, recordEvent } from '../events/events.sql.ts';
import type { DeploymentRow } from './deployments.sql.ts';

interface Subject {
  readonly row: DeploymentRow;
  /** The token that did it. */
  readonly tokenId: string;
}

export async function recordCreated(tx: Queryable, { row, tokenId }: Subject): Promise<void> {
  const what = `v${row.version_number} of workflow ${row.workflow_id} on ${row.hardware}`;
  const message = `Deployment "${row.name}" was made: ${what}.`;
  await recordEvent(tx, { ...eventOf(row, tokenId), kind: 'deployment.created', message });
}

export async function recordDeleted(tx: Queryable, { row, tokenId }: Subject): Promise<void> {
  const message = `Deployment "${row.name}" was deleted.`;
  await recordEvent(tx, { ...eventOf(row, tokenId), kind: 'deployment.deleted', message });
}

/** An edit that changes nothing is none. */
export async function recordChanged(tx: Queryable, { row, tokenId, before }: Subject & { before: DeploymentRow }) {
  const changes = listChanges(before, row);
  const fields = Object.keys(changes);
  if (fields.length > 0) {
    const message = `Deployment "${row.name}" was changed: ${fields.join(', ')}.`;
    await recordEvent(tx, { ...eventOf(row, tokenId), kind: 'deployment.changed', message, changes });
  }
  if (before.is_enabled === row.is_enabled) return;
  const word = row.is_enabled ? 'enabled' : 'disabled';
  const enabling = { is_enabled: { old: before.is_enabled, new: row.is_enabled } };
  const message = `Deployment "${row.name}" was ${word}.`;
  await recordEvent(tx, { ...eventOf(row, tokenId), kind: `deployment.${word}`, message, changes: enabling });
}

function eventOf(row: DeploymentRow, tokenId: string) {
  return { accountId: row.account_id, subjectId: row.id, deploymentId: row.id, tokenId };
}

function listChanges(before: DeploymentRow, after: DeploymentRow): Changes {
  const [old, now] = [editableFields(before), editableFields(after)];
  const changed = Object.entries(now).filter(([field, value]) => old[field] !== value);
  return Object.fromEntries(changed.map(([field, value]) => [field, { old: old[field], new: value }]));
}

/** By the names a caller edits them under. */
function editableFields(row: DeploymentRow): Record<string, string | number | boolean> {
  return {
    name: row.name,
    workflow_id: row.workflow_id,
    workflow_version: `v${row.version_number}`,
    hardware: row.hardware,
    min_instances: row.min_instances,
    max_instances: row.max_instances,
    queue_size: row.queue_size,
    keep_warm_duration_in_seconds: row.keep_warm_seconds,
    share_instances: row.share_instances,
  };
}
