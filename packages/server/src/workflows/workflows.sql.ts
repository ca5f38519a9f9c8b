// reads: deployments
// Statements about workflows, their versions and the object_info documents.
import type { Cursor } from '../db/cursor.pure.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface WorkflowRow {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly last_version: number;
  readonly created_at: number;
}

export interface VersionRow {
  readonly id: string;
  readonly workflow_id: string;
  readonly number: number;
  readonly graph: string;
  readonly object_info_sha256: string | null;
  readonly environment: string | null;
  readonly readme: string | null;
  readonly findings: string;
  readonly parameters: string;
  readonly parameters_schema: string;
  readonly is_suggested: boolean;
  readonly workflow_json: string | null;
  readonly created_at: number;
}

const versionColumns = sql`id, workflow_id, number, graph, object_info_sha256, environment, readme, findings, parameters,
  parameters_schema, is_suggested, workflow_json, created_at`;

export async function insertWorkflow(db: Queryable, row: { id: string; accountId: string; name: string }) {
  const rows = await db.query<WorkflowRow>(sql`
    insert into workflows (id, account_id, name) values (${row.id}, ${row.accountId}, ${row.name})
    returning id, account_id, name, last_version, created_at`);
  return rows[0];
}

export async function findWorkflow(db: Queryable, id: string): Promise<WorkflowRow | undefined> {
  const rows = await db.query<WorkflowRow>(sql`
    select id, account_id, name, last_version, created_at from workflows where id = ${id} and deleted_at is null`);
  return rows[0];
}

export async function listWorkflows(
  db: Queryable,
  page: { accountId: string; limit: number; before: Cursor | undefined },
): Promise<WorkflowRow[]> {
  const before = page.before
    ? sql`and (created_at, id) < (timestamptz 'epoch' + ${page.before.micros}::float8 * interval '1 microsecond', ${page.before.id}::uuid)`
    : sql``;
  return await db.query<WorkflowRow>(sql`
    select id, account_id, name, last_version, created_at from workflows
    where account_id = ${page.accountId} and deleted_at is null ${before}
    order by created_at desc, id desc limit ${page.limit}`);
}

export async function deleteWorkflow(db: Queryable, id: string): Promise<void> {
  await db.query(sql`update workflows set deleted_at = now() where id = ${id}`);
}

/** Takes the workflow's next version number; the row lock orders two savers. */
export async function takeVersionNumber(tx: Queryable, workflowId: string): Promise<number | undefined> {
  const rows = await tx.query<{ last_version: number }>(sql`
    update workflows set last_version = last_version + 1 where id = ${workflowId} and deleted_at is null
    returning last_version`);
  return rows[0]?.last_version;
}

export interface NewVersion {
  readonly id: string;
  readonly workflowId: string;
  readonly number: number;
  readonly graph: string;
  readonly objectInfoSha256: string | undefined;
  readonly environment: string | undefined;
  readonly readme: string | undefined;
  readonly findings: string;
  readonly parameters: string;
  readonly parametersSchema: string;
  readonly isSuggested: boolean;
  readonly workflowJson: string | undefined;
}

export async function insertVersion(tx: Queryable, row: NewVersion): Promise<VersionRow | undefined> {
  const rows = await tx.query<VersionRow>(sql`
    insert into workflow_versions (id, workflow_id, number, graph, object_info_sha256, environment, readme, findings,
      parameters, parameters_schema, is_suggested, workflow_json)
    values (${row.id}, ${row.workflowId}, ${row.number}, ${row.graph}, ${row.objectInfoSha256 ?? null},
      ${row.environment ?? null}, ${row.readme ?? null}, ${row.findings}, ${row.parameters}, ${row.parametersSchema},
      ${row.isSuggested}, ${row.workflowJson ?? null})
    returning ${versionColumns}`);
  return rows[0];
}

export async function findVersion(db: Queryable, workflowId: string, number: number): Promise<VersionRow | undefined> {
  const rows = await db.query<VersionRow>(sql`
    select ${versionColumns}
    from workflow_versions where workflow_id = ${workflowId} and number = ${number} and deleted_at is null`);
  return rows[0];
}

export async function findLatestVersion(db: Queryable, workflowId: string): Promise<VersionRow | undefined> {
  const rows = await db.query<VersionRow>(sql`
    select ${versionColumns}
    from workflow_versions where workflow_id = ${workflowId} and deleted_at is null
    order by number desc limit 1`);
  return rows[0];
}

/** Deleted versions too: a request that was accepted keeps its version. */
export async function findVersionById(db: Queryable, id: string): Promise<VersionRow | undefined> {
  const rows = await db.query<VersionRow>(sql`
    select ${versionColumns}
    from workflow_versions where id = ${id}`);
  return rows[0];
}

export async function listVersions(
  db: Queryable,
  page: { workflowId: string; limit: number; below: number | undefined },
): Promise<VersionRow[]> {
  const below = page.below === undefined ? sql`` : sql`and number < ${page.below}`;
  return await db.query<VersionRow>(sql`
    select ${versionColumns}
    from workflow_versions where workflow_id = ${page.workflowId} and deleted_at is null ${below}
    order by number desc limit ${page.limit}`);
}

export async function deleteVersion(db: Queryable, id: string): Promise<void> {
  await db.query(sql`update workflow_versions set deleted_at = now() where id = ${id}`);
}

/** What became known of a version when the first instance answered. */
export async function setVersionObjectInfo(
  db: Queryable,
  row: { id: string; sha256: string; parameters: string; parametersSchema: string },
): Promise<void> {
  await db.query(sql`
    update workflow_versions set object_info_sha256 = ${row.sha256}, parameters = ${row.parameters},
      parameters_schema = ${row.parametersSchema}
    where id = ${row.id}`);
}

/** Takes the oldest versions that no deployment uses away, all but the newest few; gives their numbers. */
export async function pruneUnusedVersions(tx: Queryable, workflowId: string, keep: number): Promise<number[]> {
  const rows = await tx.query<{ number: number }>(sql`
    update workflow_versions set deleted_at = now() where id in (
      select v.id from workflow_versions v
      where v.workflow_id = ${workflowId} and v.deleted_at is null and not exists (
        select from deployments d where d.version_id = v.id and d.deleted_at is null)
      order by v.number desc offset ${keep})
    returning number`);
  return rows.map((row) => row.number).sort((a, b) => a - b);
}

export async function insertObjectInfo(db: Queryable, row: { sha256: string; key: string; content: string }) {
  await db.query(sql`
    insert into object_infos (sha256, key, content) values (${row.sha256}, ${row.key}, ${row.content})
    on conflict (sha256) do nothing`);
}

export async function findObjectInfo(db: Queryable, sha256: string): Promise<string | undefined> {
  const rows = await db.query<{ content: string }>(sql`select content from object_infos where sha256 = ${sha256}`);
  return rows[0]?.content;
}

export async function findObjectInfoKey(db: Queryable, sha256: string): Promise<string | undefined> {
  const rows = await db.query<{ key: string }>(sql`select key from object_infos where sha256 = ${sha256}`);
  return rows[0]?.key;
}

export async function findObjectInfoByKey(db: Queryable, key: string): Promise<string | undefined> {
  const rows = await db.query<{ content: string }>(sql`select content from object_infos where key = ${key}`);
  return rows[0]?.content;
}

export async function listVersionUsers(db: Queryable, versionId: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql`
    select id from deployments where version_id = ${versionId} and deleted_at is null order by created_at`);
  return rows.map((row) => row.id);
}

export async function listWorkflowUsers(db: Queryable, workflowId: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql`
    select id from deployments where workflow_id = ${workflowId} and deleted_at is null order by created_at`);
  return rows.map((row) => row.id);
}
