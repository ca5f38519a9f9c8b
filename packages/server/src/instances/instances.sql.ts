// Statements about instances: the ids of fixed addresses outlive restarts; what a deployment ran there last.
// reads: requests
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export async function takeInstanceId(
  db: Queryable,
  row: { id: string; provider: string; address: string },
): Promise<string> {
  const rows = await db.query<{ id: string }>(sql`
    insert into instances (id, provider, address) values (${row.id}, ${row.provider}, ${row.address})
    on conflict (provider, address) do update set address = excluded.address returning id`);
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('upsert of an instance returned no row');
  return id;
}

/** Of this database, for good: by it, what was started elsewhere is known as ours. */
export async function takeFleetId(db: Queryable, newId: () => string): Promise<string> {
  return await takeInstanceId(db, { id: newId(), provider: 'fleet', address: '' });
}

/** The version of the deployment's newest request on an instance, if there was one lately. */
export async function findLastVersion(
  db: Queryable,
  of: { deploymentId: string; instanceId: string; since: number },
): Promise<string | undefined> {
  const rows = await db.query<{ version_id: string }>(sql`
    select version_id from requests
    where deployment_id = ${of.deploymentId} and instance_id = ${of.instanceId} and started_at is not null
      and created_at > to_timestamp(${of.since}::float8 / 1000)
    order by created_at desc limit 1`);
  return rows[0]?.version_id;
}
