// Statements about money: the ledger, and the balances that are its sums. A balance changes in the statement that adds the
// entry, so the two never differ. The ledger itself is append-only (a trigger refuses anything else).
// reads: accounts, tokens

import { float8Array, int4Array, textArray, uuidArray } from '../db/binary-arrays.ts';
import type { Queryable } from '../db/database.ts';
import { type Sql, sql } from '../db/sql.ts';

/** One run on an instance that nobody was billed for otherwise. Amounts are microdollars, charges count down. */
export interface RunCharge {
  readonly requestId: string;
  readonly epoch: number;
  readonly chargedMicrodollars: number;
  readonly durationMs: number;
  readonly sku: string;
  readonly pricePerHourMicrodollars: number;
}

/**
 * The part of the statement that ends requests (requests/finish.sql.ts) which bills their runs: it needs that statement's
 * `input` and its `ended` with id, account_id, deployment_id and token_id. A request that this very statement ends is
 * billed by it; a repeated statement ends none, so it bills none.
 */
export function chargeRuns(charges: readonly RunCharge[]): Sql {
  return sql`,
    charged as (
      insert into ledger (account_id, kind, amount_microdollars, at, request_id, epoch, duration_ms, sku,
        price_per_hour_microdollars, deployment_id, token_id)
      select e.account_id, 'run', -c.charged, to_timestamp(i.finished_ms / 1000), e.id, c.epoch, c.duration_ms, c.sku,
        c.price, e.deployment_id, e.token_id
      from unnest(${uuidArray(charges.map((c) => c.requestId))}::uuid[], ${int4Array(charges.map((c) => c.epoch))}::int4[],
        ${float8Array(charges.map((c) => c.chargedMicrodollars))}::float8[]::bigint[],
        ${float8Array(charges.map((c) => c.durationMs))}::float8[]::bigint[], ${textArray(charges.map((c) => c.sku))}::text[],
        ${float8Array(charges.map((c) => c.pricePerHourMicrodollars))}::float8[]::bigint[])
      as c (request_id, epoch, charged, duration_ms, sku, price)
      join ended e on e.id = c.request_id join input i on i.id = c.request_id
      on conflict do nothing returning account_id, token_id, amount_microdollars),
    debited as (
      insert into balances (account_id, balance_microdollars, spent_microdollars)
      select account_id, sum(amount_microdollars), -sum(amount_microdollars) from charged group by account_id order by account_id
      on conflict (account_id) do update set
        balance_microdollars = balances.balance_microdollars + excluded.balance_microdollars,
        spent_microdollars = balances.spent_microdollars + excluded.spent_microdollars),
    debited_tokens as (
      insert into token_spending (token_id, spent_microdollars)
      select token_id, -sum(amount_microdollars) from charged where token_id is not null group by token_id order by token_id
      on conflict (token_id) do update set
        spent_microdollars = token_spending.spent_microdollars + excluded.spent_microdollars)`;
}

export interface Credit {
  readonly accountId: string;
  readonly amountMicrodollars: number;
  readonly at: number;
  readonly key: string | undefined;
  readonly note: string | undefined;
}

/** False when an entry under this key is there already: then nothing was added. */
export async function addCredit(tx: Queryable, credit: Credit): Promise<boolean> {
  const rows = await tx.query<{ account_id: string }>(sql`
    with added as (
      insert into ledger (account_id, kind, amount_microdollars, at, credit_key, note)
      values (${credit.accountId}, 'credit', ${credit.amountMicrodollars}::bigint, to_timestamp(${credit.at}::float8 / 1000),
        ${credit.key ?? null}, ${credit.note ?? null})
      on conflict do nothing returning account_id, amount_microdollars)
    insert into balances (account_id, balance_microdollars) select account_id, amount_microdollars from added
    on conflict (account_id) do update set
      balance_microdollars = balances.balance_microdollars + excluded.balance_microdollars
    returning account_id`);
  return rows.length > 0;
}

export async function findCredit(
  tx: Queryable,
  { accountId, key }: { accountId: string; key: string },
): Promise<{ amount_microdollars: number; note: string | null } | undefined> {
  const rows = await tx.query<{ amount_microdollars: number; note: string | null }>(sql`
    select amount_microdollars, note from ledger where account_id = ${accountId} and credit_key = ${key}`);
  return rows[0];
}

export interface BalanceRow {
  readonly balance_microdollars: number;
  readonly spent_microdollars: number;
  readonly spending_limit_microdollars: number | null;
}

const NO_MONEY: BalanceRow = { balance_microdollars: 0, spent_microdollars: 0, spending_limit_microdollars: null };

/** Of an account nobody ever gave funds to: nothing. */
export async function readBalance(db: Queryable, accountId: string): Promise<BalanceRow> {
  const rows = await db.query<BalanceRow>(sql`
    select balance_microdollars, spent_microdollars, spending_limit_microdollars from balances
    where account_id = ${accountId}`);
  return rows[0] ?? NO_MONEY;
}

/** Null takes the limit away. Gives the limit that was there before. */
export async function setSpendingLimit(
  tx: Queryable,
  { accountId, limitMicrodollars }: { accountId: string; limitMicrodollars: number | null },
): Promise<number | null> {
  const rows = await tx.query<{ spending_limit_microdollars: number | null }>(sql`
    select spending_limit_microdollars from balances where account_id = ${accountId} for update`);
  await tx.query(sql`
    insert into balances (account_id, spending_limit_microdollars) values (${accountId}, ${limitMicrodollars})
    on conflict (account_id) do update set spending_limit_microdollars = excluded.spending_limit_microdollars`);
  return rows[0]?.spending_limit_microdollars ?? null;
}

export async function hasAccount(db: Queryable, accountId: string): Promise<boolean> {
  const rows = await db.query<{ id: string }>(sql`select id from accounts where id = ${accountId}`);
  return rows.length > 0;
}

export interface FundsRow {
  /** Null: the account itself. */
  readonly token_id: string | null;
  readonly balance: number | null;
  readonly spent: number;
  readonly spending_limit: number | null;
}

/** What the gate has to know of an account and of these tokens of it. */
export async function readFunds(
  db: Queryable,
  of: { accountId: string; tokenIds: readonly string[] },
): Promise<FundsRow[]> {
  return await db.query<FundsRow>(sql.named('read_funds')`
    select null::uuid as token_id, balance_microdollars as balance, spent_microdollars as spent,
      spending_limit_microdollars as spending_limit
    from balances where account_id = ${of.accountId}
    union all
    select t.id, null, coalesce(s.spent_microdollars, 0), t.spending_limit_microdollars
    from tokens t left join token_spending s on s.token_id = t.id where t.id = any(${uuidArray(of.tokenIds)}::uuid[])`);
}

/** What a request cost, in microdollars. */
export async function costOf(db: Queryable, requestId: string): Promise<number> {
  const rows = await db.query<{ cost: number }>(sql.named('cost_of_request')`
    select coalesce(-sum(amount_microdollars), 0)::bigint as cost from ledger
    where kind = 'run' and request_id = ${requestId}`);
  return rows[0]?.cost ?? 0;
}
