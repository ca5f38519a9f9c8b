// Statements about whose a prompt, a folder or a file on an instance is.
// reads: requests, deployments, request_files
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface ProxiedPrompt {
  readonly promptId: string;
  readonly accountId: string;
  readonly tokenId: string;
  readonly deploymentId: string;
  readonly instanceId: string;
}

export async function insertProxiedPrompt(db: Queryable, prompt: ProxiedPrompt): Promise<void> {
  await db.query(sql`
    insert into proxied_prompts (prompt_id, account_id, token_id, deployment_id, instance_id)
    values (${prompt.promptId}, ${prompt.accountId}, ${prompt.tokenId}, ${prompt.deploymentId}, ${prompt.instanceId})`);
}

/** From then on what they left on their instance is nobody's to see. */
export async function deleteOldPrompts(db: Queryable, before: number): Promise<void> {
  await db.query(sql`delete from proxied_prompts where created_at < to_timestamp(${before}::float8 / 1000)`);
}

export async function findPromptOwner(db: Queryable, promptId: string): Promise<string | undefined> {
  const rows = await db.query<{ account_id: string }>(sql`
    select account_id from proxied_prompts where prompt_id = ${promptId}`);
  return rows[0]?.account_id;
}

/** Of a request or of a proxied prompt: both name the folder that their files go to. */
export async function findFolderOwner(db: Queryable, id: string): Promise<string | undefined> {
  const rows = await db.query<{ account_id: string }>(sql`
    select account_id from requests where id = ${id}
    union all select account_id from proxied_prompts where prompt_id = ${id}`);
  return rows[0]?.account_id;
}

/** The prompt id of a request says when it was made (version 7), so that only requests of about then are looked at. */
export async function isPromptOfRequest(
  db: Queryable,
  of: { accountId: string; promptId: string; from: number; to: number },
): Promise<boolean> {
  const rows = await db.query(sql`
    select 1 from deployments d join requests r on r.deployment_id = d.id
    where d.account_id = ${of.accountId} and r.prompt_id = ${of.promptId}
      and r.created_at between to_timestamp(${of.from}::float8 / 1000) and to_timestamp(${of.to}::float8 / 1000)
    limit 1`);
  return rows.length > 0;
}

/** The account's newest prompts on an instance: its requests' and those it sent through the proxy. */
export async function listOwnPrompts(
  db: Queryable,
  of: { accountId: string; instanceId: string; since: number; limit: number },
): Promise<string[]> {
  const rows = await db.query<{ prompt_id: string }>(sql`
    select prompt_id from (
      select p.prompt_id, p.created_at from proxied_prompts p
        where p.account_id = ${of.accountId} and p.instance_id = ${of.instanceId}
      union all
      select r.prompt_id, r.created_at from deployments d cross join lateral (
        select prompt_id, created_at from requests
        where deployment_id = d.id and instance_id = ${of.instanceId} and prompt_id is not null
          and created_at > to_timestamp(${of.since}::float8 / 1000)
        order by created_at desc limit ${of.limit}) r
      where d.account_id = ${of.accountId}) own
    order by created_at desc limit ${of.limit}`);
  return rows.map((row) => row.prompt_id);
}

/**
 * A file outside any folder of ours (previews), by what the instance calls it. Another account's later run may have
 * written other bytes under the same name: then it is that account's.
 */
export async function isFileOfAccount(db: Queryable, of: { accountId: string; source: string }): Promise<boolean> {
  const rows = await db.query(sql`
    select 1 from request_files f join requests r on r.id = f.request_id
    where f.source = ${of.source} and r.account_id = ${of.accountId} and not exists (
      select from request_files later join requests theirs on theirs.id = later.request_id
      where later.source = f.source and later.created_at > f.created_at and later.sha256 <> f.sha256
        and theirs.account_id <> r.account_id)
    limit 1`);
  return rows.length > 0;
}
