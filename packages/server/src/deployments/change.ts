// Creating, editing, disabling and deleting a deployment. Called by routes.ts.
// Ending a deployment's requests is the right-hand domains' work: this file writes the fact, wakes them, and answers when
// they have acted, so that after the answer no waiting request is dispatched.
import { ApiError, type Problem, validationError } from '@comfleet/api';
import type { Database, Queryable } from '../db/database.ts';
import type { Waker } from '../db/wake.ts';
import { isUuid } from '../telemetry/new-id.ts';
import { findLatestVersion, findVersion, findWorkflow } from '../workflows/workflows.sql.ts';
import {
  type DeploymentFields,
  type DeploymentRow,
  deleteDeployment,
  insertDeployment,
  lockDeployment,
  updateDeployment,
} from './deployments.sql.ts';
import type { DeploymentDirectory } from './directory.ts';
import { recordChanged, recordCreated, recordDeleted } from './record-change.ts';

/** What a caller may set, already checked against the schema; what is undefined keeps its value or default. */
export interface DeploymentWish {
  readonly name?: string | undefined;
  readonly workflowId?: string | undefined;
  readonly workflowVersion?: string | undefined;
  readonly hardware?: string | undefined;
  readonly minInstances?: number | undefined;
  readonly maxInstances?: number | undefined;
  readonly queueSize?: number | undefined;
  readonly keepWarmSeconds?: number | undefined;
  readonly sharesInstances?: boolean | undefined;
  readonly isEnabled?: boolean | undefined;
}

interface Deps {
  readonly db: Database;
  readonly newId: () => string;
  readonly waker: Waker;
  readonly directory: DeploymentDirectory;
}

/** Whose deployment it is, and the token that acts. */
export interface DeploymentActor {
  readonly id: string;
  readonly token: { readonly id: string };
}

export interface DeploymentDefaults {
  readonly hardware: string;
}

export async function createDeployment(
  deps: Deps & { defaults: DeploymentDefaults },
  actor: DeploymentActor,
  wish: DeploymentWish,
): Promise<DeploymentRow> {
  const version = await resolveVersion(deps.db, actor.id, wish.workflowId ?? '', wish.workflowVersion ?? '');
  const fields: DeploymentFields = {
    name: wish.name ?? '',
    workflowId: version.workflowId,
    versionId: version.id,
    versionNumber: version.number,
    hardware: wish.hardware ?? deps.defaults.hardware,
    minInstances: wish.minInstances ?? 0,
    maxInstances: wish.maxInstances ?? Math.max(1, wish.minInstances ?? 0),
    queueSize: wish.queueSize ?? 1,
    keepWarmSeconds: wish.keepWarmSeconds ?? 60,
    sharesInstances: wish.sharesInstances ?? false,
    isEnabled: true,
    disabledCode: null,
  };
  requireMinBelowMax(fields);
  const created = await deps.db.transaction(async (tx) => {
    const row = await insertDeployment(tx, { id: deps.newId(), accountId: actor.id, fields });
    if (row === undefined) throw new Error('insert of a deployment returned no row');
    await recordCreated(tx, { row, tokenId: actor.token.id });
    return row;
  });
  // Whoever keeps a minimum of instances hears of it.
  if (fields.minInstances > 0) void deps.waker.wake('deployments');
  return created;
}

export async function changeDeployment(
  deps: Deps,
  target: { id: string; actor: DeploymentActor },
  wish: DeploymentWish,
): Promise<DeploymentRow> {
  const { id } = target;
  const row = await deps.db.transaction(async (tx) => {
    const now = await lockDeployment(tx, id);
    if (now === undefined) throw new ApiError(404001, `There is no deployment ${id}.`);
    if (now.deleted_at !== null) throw new ApiError(10003);
    const fields = await mergeWish(tx, now, wish);
    requireMinBelowMax(fields);
    const after = await updateDeployment(tx, { id, fields });
    if (after) await recordChanged(tx, { row: after, before: now, tokenId: target.actor.token.id });
    return after;
  });
  if (row === undefined) throw new ApiError(10003);
  deps.directory.learn(row);
  await deps.waker.wake('deployments');
  return row;
}

export async function removeDeployment(deps: Deps, id: string, actor: DeploymentActor): Promise<void> {
  const row = await deps.db.transaction(async (tx) => {
    const deleted = await deleteDeployment(tx, id);
    if (deleted) await recordDeleted(tx, { row: deleted, tokenId: actor.token.id });
    return deleted;
  });
  if (row) deps.directory.learn(row);
  await deps.waker.wake('deployments');
}

async function mergeWish(tx: Queryable, now: DeploymentRow, wish: DeploymentWish): Promise<DeploymentFields> {
  const moves = wish.workflowId !== undefined || wish.workflowVersion !== undefined;
  const version = moves
    ? await resolveVersion(tx, now.account_id, wish.workflowId ?? now.workflow_id, wish.workflowVersion ?? 'latest')
    : { workflowId: now.workflow_id, id: now.version_id, number: now.version_number };
  return {
    name: wish.name ?? now.name,
    workflowId: version.workflowId,
    versionId: version.id,
    versionNumber: version.number,
    hardware: wish.hardware ?? now.hardware,
    minInstances: wish.minInstances ?? now.min_instances,
    maxInstances: wish.maxInstances ?? now.max_instances,
    queueSize: wish.queueSize ?? now.queue_size,
    keepWarmSeconds: wish.keepWarmSeconds ?? now.keep_warm_seconds,
    sharesInstances: wish.sharesInstances ?? now.share_instances,
    isEnabled: wish.isEnabled ?? now.is_enabled,
    disabledCode: disabledCode(now, wish.isEnabled),
  };
}

function disabledCode(now: DeploymentRow, isEnabled: boolean | undefined): 10001 | 10002 | null {
  if (isEnabled === undefined) return now.disabled_code;
  return isEnabled ? null : 10002;
}

function requireMinBelowMax(fields: DeploymentFields) {
  if (fields.minInstances <= fields.maxInstances) return;
  const msg = `max_instances (${fields.maxInstances}) must be at least min_instances (${fields.minInstances}).`;
  throw validationError([{ loc: ['body', 'max_instances'], msg, type: 'less_than_min', input: fields.maxInstances }]);
}

async function resolveVersion(db: Queryable, accountId: string, workflowId: string, version: string) {
  const workflow = isUuid(workflowId) ? await findWorkflow(db, workflowId) : undefined;
  if (workflow === undefined)
    throw refusal('workflow_id', `There is no workflow ${workflowId.slice(0, 100)}.`, workflowId);
  if (workflow.account_id !== accountId)
    throw new ApiError(403003, `The token's account does not own workflow ${workflowId}.`);
  const number = /^v?(\d{1,9})$/.exec(version)?.[1];
  const row =
    version === 'latest'
      ? await findLatestVersion(db, workflowId)
      : number === undefined
        ? undefined
        : await findVersion(db, workflowId, Number(number));
  if (row !== undefined) return { workflowId, id: row.id, number: row.number };
  const last =
    workflow.last_version === 0
      ? 'It has no version yet.'
      : `Its newest is v${workflow.last_version}; "latest" takes that one.`;
  throw refusal(
    'workflow_version',
    `Workflow ${workflowId} has no version "${version.slice(0, 50)}". ${last}`,
    version,
  );
}

function refusal(field: string, msg: string, input: string): ApiError {
  const problem: Problem = { loc: ['body', field], msg, type: 'unknown_reference', input: input.slice(0, 200) };
  return validationError([problem]);
}
