// What ran lately and where, as far as the rows of requests tell. Called by dispatch/relearn-models.ts after a start.
// reads: deployments
import { float8Array, uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { sql } from '../db/sql.ts';

export interface LatestRun {
  readonly deployment_id: string;
  readonly version_id: string;
  readonly instance_id: string;
  readonly started_at: number;
  readonly finished_at: number;
  readonly has_succeeded: boolean;
}

export interface WhichRuns {
  /** Requests that came earlier are not looked at, in milliseconds. */
  readonly since: number;
  readonly perDeployment: number;
  /** Of deployments with waiting requests: when the first of these came. What ran came before it, so a backlog is not walked. */
  readonly waiting: readonly { readonly deploymentId: string; readonly createdAt: number }[];
}

/** The newest requests of each deployment, those of them that ran and are over, in the order in which they began. */
export async function listLatestRuns(db: Queryable, which: WhichRuns): Promise<LatestRun[]> {
  const { since, perDeployment, waiting } = which;
  return await db.query<LatestRun>(sql`
    select d.id as deployment_id, r.version_id, r.instance_id, r.started_at, r.finished_at,
      r.state = 'succeeded' as has_succeeded
    from deployments d
    left join unnest(${uuidArray(waiting.map((each) => each.deploymentId))}::uuid[],
      ${float8Array(waiting.map((each) => each.createdAt))}::float8[]) as w (id, first_at) on w.id = d.id
    cross join lateral (
      select * from requests
      where deployment_id = d.id and created_at > to_timestamp(${since}::float8 / 1000)
        and (w.first_at is null or created_at <= to_timestamp(w.first_at / 1000))
      order by created_at desc limit ${perDeployment}) r
    where r.finished_at is not null and r.started_at is not null and r.instance_id is not null
    order by r.started_at`);
}
