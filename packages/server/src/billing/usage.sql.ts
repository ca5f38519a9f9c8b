// Statements about what was used: hours that are over are counted once and kept, younger ones are counted when asked for.
// Seconds and requests come from the attempts, cost from the ledger. By an attempt's end, in hours of UTC.
// reads: attempts, requests

import type { Queryable } from '../db/database.ts';
import { type Sql, sql } from '../db/sql.ts';

const NO_TOKEN = '00000000-0000-0000-0000-000000000000';

/** Instants as milliseconds; `until` is not in it. Without an account: every account. */
interface Span {
  readonly from: number;
  readonly until: number;
  readonly accountId?: string;
}

// A run on an instance that is metered for its whole life counts there, and not a second time here.
function listUses({ from, until, accountId }: Span): Sql {
  const [begins, ends] = [sql`to_timestamp(${from}::float8 / 1000)`, sql`to_timestamp(${until}::float8 / 1000)`];
  const ofRequest = accountId === undefined ? sql.empty : sql`and r.account_id = ${accountId}`;
  const ofEntry = accountId === undefined ? sql.empty : sql`and l.account_id = ${accountId}`;
  return sql`
    select r.account_id, a.ended_at as at, r.deployment_id, coalesce(r.token_id, ${NO_TOKEN}::uuid) as token_id, 1 as requests,
      case when m.instance_id is null then coalesce(a.run_ms, 0) else 0 end as instance_ms, 0::bigint as cost
    from attempts a join requests r on r.id = a.request_id
      left join metered_instances m on m.instance_id = a.instance_id
    where a.ended_at >= ${begins} and a.ended_at < ${ends} and a.outcome <> 'lost' ${ofRequest}
    union all
    select l.account_id, l.at, l.deployment_id, coalesce(l.token_id, ${NO_TOKEN}::uuid), 0,
      case l.kind when 'interval' then l.duration_ms else 0 end, -l.amount_microdollars
    from ledger l where l.at >= ${begins} and l.at < ${ends} and l.kind <> 'credit' ${ofEntry}`;
}

/** Locked, so that two processes do not count at the same time. Undefined: nothing was counted yet. */
export async function lockCounted(tx: Queryable): Promise<number | undefined> {
  const rows = await tx.query<{ until: number | null }>(sql`select until from usage_counted for update`);
  return rows[0]?.until ?? undefined;
}

/** When the first attempt ended; undefined when there is none. */
export async function findFirstUse(db: Queryable): Promise<number | undefined> {
  const rows = await db.query<{ at: number | null }>(sql`
    select least((select min(ended_at) from attempts), (select min(at) from ledger where kind <> 'credit')) as at`);
  return rows[0]?.at ?? undefined;
}

/** Whole hours. Repeating it replaces what it wrote. */
export async function countHours(tx: Queryable, span: { from: number; until: number }): Promise<void> {
  await tx.query(sql`
    insert into usage_by_hour (account_id, hour, deployment_id, token_id, requests, instance_ms, cost_microdollars)
    select account_id, date_trunc('hour', at, 'UTC'), deployment_id, token_id, sum(requests), sum(instance_ms), sum(cost)
    from (${listUses(span)}) as used group by 1, 2, 3, 4
    on conflict (account_id, hour, deployment_id, token_id) do update set requests = excluded.requests,
      instance_ms = excluded.instance_ms, cost_microdollars = excluded.cost_microdollars`);
  await tx.query(sql`update usage_counted set until = to_timestamp(${span.until}::float8 / 1000)`);
}

export type UsageKey = 'day' | 'deployment' | 'token';

export interface UsageRow {
  /** A day (YYYY-MM-DD), or an id; undefined for what no token is known of. */
  readonly key: string | undefined;
  readonly requests: number;
  readonly instance_ms: number;
  readonly cost: number;
}

const KEYS: Readonly<Record<UsageKey, Sql>> = {
  day: sql`to_char(at at time zone 'UTC', 'YYYY-MM-DD')`,
  deployment: sql`deployment_id::text`,
  token: sql`token_id::text`,
};

export async function sumUsage(
  db: Queryable,
  { accountId, from, until, groupBy }: Required<Span> & { groupBy: UsageKey },
): Promise<UsageRow[]> {
  const counted = await db.query<{ until: number | null }>(sql`select until from usage_counted`);
  const countedUntil = Math.min(until, Math.max(from, counted[0]?.until ?? from));
  const rows = await db.query<{ key: string; requests: number; instance_ms: number; cost: number }>(sql`
    select ${KEYS[groupBy]} as key, sum(requests)::bigint as requests, sum(instance_ms)::bigint as instance_ms,
      sum(cost)::bigint as cost
    from (
      select hour as at, deployment_id, token_id, requests, instance_ms, cost_microdollars as cost from usage_by_hour
      where account_id = ${accountId} and hour >= to_timestamp(${from}::float8 / 1000)
        and hour < to_timestamp(${countedUntil}::float8 / 1000)
      union all
      select at, deployment_id, token_id, requests, instance_ms, cost
      from (${listUses({ accountId, from: countedUntil, until })}) as young) as used
    group by 1 order by 1`);
  return rows.map((row) => ({ ...row, key: row.key === NO_TOKEN ? undefined : row.key }));
}
