// reads: accounts, workflow_versions
// Statements about deployments. Deleted rows stay: their ids answer 10003 for ever after.

import { uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface DeploymentRow {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly workflow_id: string;
  readonly version_id: string;
  readonly version_number: number;
  readonly hardware: string;
  readonly min_instances: number;
  readonly max_instances: number;
  readonly queue_size: number;
  readonly keep_warm_seconds: number;
  readonly share_instances: boolean;
  /** Names what its version says that instances need; null where it says nothing. */
  readonly environment_hash: string | null;
  readonly is_enabled: boolean;
  /** Why it is disabled: 10001 for want of funds, 10002 by its owner. */
  readonly disabled_code: 10001 | 10002 | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly deleted_at: number | null;
  readonly is_account_active: boolean;
}

const columns = sql`id, account_id, name, workflow_id, version_id, version_number, hardware, min_instances,
  max_instances, queue_size, keep_warm_seconds, share_instances, is_enabled, disabled_code, created_at, updated_at, deleted_at,
  (select md5(v.environment) from workflow_versions v where v.id = deployments.version_id) as environment_hash,
  (select a.is_active from accounts a where a.id = deployments.account_id) as is_account_active`;

export interface DeploymentFields {
  readonly name: string;
  readonly workflowId: string;
  readonly versionId: string;
  readonly versionNumber: number;
  readonly hardware: string;
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly queueSize: number;
  readonly keepWarmSeconds: number;
  readonly sharesInstances: boolean;
  readonly isEnabled: boolean;
  readonly disabledCode: 10001 | 10002 | null;
}

export async function insertDeployment(
  db: Queryable,
  row: { id: string; accountId: string; fields: DeploymentFields },
) {
  const f = row.fields;
  const rows = await db.query<DeploymentRow>(sql`
    insert into deployments (id, account_id, name, workflow_id, version_id, version_number, hardware, min_instances,
      max_instances, queue_size, keep_warm_seconds, share_instances, is_enabled)
    values (${row.id}, ${row.accountId}, ${f.name}, ${f.workflowId}, ${f.versionId}, ${f.versionNumber}, ${f.hardware},
      ${f.minInstances}, ${f.maxInstances}, ${f.queueSize}, ${f.keepWarmSeconds}, ${f.sharesInstances},
      ${f.isEnabled})
    returning ${columns}`);
  return rows[0];
}

export async function findDeployment(db: Queryable, id: string): Promise<DeploymentRow | undefined> {
  const rows = await db.query<DeploymentRow>(sql.named('find_deployment')`
    select ${columns} from deployments where id = ${id}`);
  return rows[0];
}

/** Locked until the end of the transaction, so that two edits do not undo each other. */
export async function lockDeployment(tx: Queryable, id: string): Promise<DeploymentRow | undefined> {
  const rows = await tx.query<DeploymentRow>(sql`select ${columns} from deployments where id = ${id} for update`);
  return rows[0];
}

export async function listDeployments(
  db: Queryable,
  filter: { accountId: string; ids: readonly string[] | undefined },
): Promise<DeploymentRow[]> {
  const ids = filter.ids === undefined ? sql`` : sql`and id = any(${uuidArray(filter.ids)}::uuid[])`;
  return await db.query<DeploymentRow>(sql`
    select ${columns} from deployments where account_id = ${filter.accountId} and deleted_at is null ${ids}
    order by created_at desc, id desc`);
}

/** Those that keep a minimum of instances, and those named, whatever became of them. */
export async function listScalable(db: Queryable, ids: readonly string[]): Promise<DeploymentRow[]> {
  return await db.query<DeploymentRow>(sql`
    select ${columns} from deployments
    where id = any(${uuidArray(ids)}::uuid[]) or (min_instances > 0 and is_enabled and deleted_at is null)`);
}

export async function updateDeployment(tx: Queryable, row: { id: string; fields: DeploymentFields }) {
  const f = row.fields;
  const rows = await tx.query<DeploymentRow>(sql`
    update deployments set name = ${f.name}, workflow_id = ${f.workflowId}, version_id = ${f.versionId},
      version_number = ${f.versionNumber}, hardware = ${f.hardware}, min_instances = ${f.minInstances},
      max_instances = ${f.maxInstances}, queue_size = ${f.queueSize}, keep_warm_seconds = ${f.keepWarmSeconds},
      share_instances = ${f.sharesInstances},      is_enabled = ${f.isEnabled}, disabled_code = ${f.disabledCode}::int, updated_at = now()
    where id = ${row.id} and deleted_at is null returning ${columns}`);
  return rows[0];
}

/** Those of an account that are enabled, or one of them. */
export async function disableUnfunded(
  tx: Queryable,
  of: { accountId: string; deploymentId?: string },
): Promise<DeploymentRow[]> {
  const one = of.deploymentId === undefined ? sql.empty : sql`and id = ${of.deploymentId}`;
  return await tx.query<DeploymentRow>(sql`
    update deployments set is_enabled = false, disabled_code = 10001, updated_at = now()
    where account_id = ${of.accountId} and is_enabled and deleted_at is null ${one} returning ${columns}`);
}

export async function deleteDeployment(tx: Queryable, id: string): Promise<DeploymentRow | undefined> {
  const rows = await tx.query<DeploymentRow>(sql`
    update deployments set deleted_at = now(), updated_at = now(), is_enabled = false
    where id = ${id} and deleted_at is null returning ${columns}`);
  return rows[0];
}
