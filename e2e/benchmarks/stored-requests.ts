// The product's own tables from outside: filled with requests as if they had been run (row 10), and searched for those that
// were answered (rows 7 and 22).
import { type Service, withDatabase } from './service.ts';
import type { Tenant } from './tenants.ts';

const STATEMENT_ROWS = 50_000;
const LOOKUP = 50_000;

/** So many in all, nine of ten ended; ids at random, so that neighbours in time are none in the index. */
export async function storeRequests(service: Service, tenant: Tenant, count: number): Promise<void> {
  await withDatabase(service, 'comfleet', async (client) => {
    const { rows } = await client.query<{ account_id: string; version_id: string }>(
      'select account_id, version_id from deployments where id = $1',
      [tenant.deploymentId],
    );
    const { account_id, version_id } = rows[0] ?? {};
    for (let done = 0; done < count; done += STATEMENT_ROWS) {
      const size = Math.min(STATEMENT_ROWS, count - done);
      await client.query(INSERT, [account_id, tenant.deploymentId, version_id, size, done]);
    }
    await client.query('vacuum analyze');
  });
}

const INSERT = `
  with made as (
    select gen_random_uuid() as id, n, now() - make_interval(secs => 86400 - (n + $5::int) * 0.05) as created_at,
      n % 10 > 0 as is_over
    from generate_series(1, $4::int) n),
  payloads as (
    insert into request_payloads (request_id, body)
    select id, json_build_object('overrides', json_build_object('1', json_build_object('inputs',
      json_build_object('color', n))), 'note', repeat('x', 200))::text from made),
  tries as (
    insert into attempts (request_id, epoch, instance_id, ended_at, outcome, cause)
    select id, 1, id, created_at, 'succeeded', 'succeeded' from made where is_over)
  insert into requests (id, account_id, deployment_id, version_id, state, epoch, instance_id, created_at, started_at,
    finished_at, outputs)
  select id, $1, $2, $3, case when is_over then 'succeeded' else 'queued' end, is_over::int,
    case when is_over then id end, created_at, case when is_over then created_at end, case when is_over then created_at end,
    case when is_over then '{"2":{"images":[{"url":"/deployment_requests/' || id
      || '/output/img_00001_.png","filename":"img_00001_.png","subfolder":"","type":"output"}]}}' end
  from made`;

/** Ids drawn evenly from all that are stored. */
export async function drawIds(service: Service, tenant: Tenant, count: number): Promise<string[]> {
  return await withDatabase(service, 'comfleet', async (client) => {
    const { rows } = await client.query<{ id: string }>(
      'select id from requests where deployment_id = $1 order by random() limit $2',
      [tenant.deploymentId, count],
    );
    return rows.map(({ id }) => id);
  });
}

/** Of these ids, those without a complete request. */
export async function countMissing(service: Service, ids: readonly string[]): Promise<number> {
  return await withDatabase(service, 'comfleet', async (client) => {
    let missing = 0;
    for (let at = 0; at < ids.length; at += LOOKUP) {
      const { rows } = await client.query<{ count: string }>(
        `select count(*) from unnest($1::uuid[]) as wanted (id)
         where not exists (select from requests r join request_payloads p on p.request_id = r.id where r.id = wanted.id)`,
        [ids.slice(at, at + LOOKUP)],
      );
      missing += Number(rows[0]?.count);
    }
    return missing;
  });
}
