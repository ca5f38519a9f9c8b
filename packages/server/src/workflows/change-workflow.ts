// Making and deleting workflows, and deleting versions, each with its event. Called by routes.ts.
import type { Database, Queryable } from '../db/database.ts';
import { recordEvent } from '../events/events.sql.ts';
import { deleteVersion, deleteWorkflow, insertWorkflow, type VersionRow, type WorkflowRow } from './workflows.sql.ts';

/** Whose workflow it is, and the token that acts. */
export interface WorkflowActor {
  readonly id: string;
  readonly token: { readonly id: string };
}

export async function createWorkflow(
  deps: { db: Database; newId: () => string },
  actor: WorkflowActor,
  name: string,
): Promise<WorkflowRow> {
  return await deps.db.transaction(async (tx) => {
    const row = await insertWorkflow(tx, { id: deps.newId(), accountId: actor.id, name });
    if (row === undefined) throw new Error('insert of a workflow returned no row');
    const message = `Workflow "${name}" was made.`;
    await recordEvent(tx, { ...by(actor), kind: 'workflow.created', subjectId: row.id, message });
    return row;
  });
}

export async function removeWorkflow(deps: { db: Database }, actor: WorkflowActor, row: WorkflowRow): Promise<void> {
  await deps.db.transaction(async (tx) => {
    await deleteWorkflow(tx, row.id);
    const message = `Workflow "${row.name}" was deleted.`;
    await recordEvent(tx, { ...by(actor), kind: 'workflow.deleted', subjectId: row.id, message });
  });
}

export async function removeVersion(deps: { db: Database }, actor: WorkflowActor, row: VersionRow): Promise<void> {
  await deps.db.transaction(async (tx) => {
    await deleteVersion(tx, row.id);
    await recordVersion(tx, { kind: 'version.deleted', actor, workflowId: row.workflow_id, number: row.number });
  });
}

const VERSION_WORDS = {
  'version.saved': 'was saved',
  'version.deleted': 'was deleted',
  'version.pruned': 'was taken away: nothing uses it, and there are newer ones',
} as const;

/** For the transaction that also writes the version; also called by save-version.ts. */
export async function recordVersion(
  tx: Queryable,
  event: { kind: keyof typeof VERSION_WORDS; actor: WorkflowActor; workflowId: string; number: number },
): Promise<void> {
  const { kind, actor, workflowId, number } = event;
  const message = `Version v${number} of workflow ${workflowId} ${VERSION_WORDS[kind]}.`;
  await recordEvent(tx, { ...by(actor), kind, subjectId: `${workflowId}/v${number}`, message });
}

function by(actor: WorkflowActor) {
  return { accountId: actor.id, tokenId: actor.token.id };
}
