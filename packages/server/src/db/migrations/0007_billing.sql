-- Money: the ledger, what is left of it, and what was used. All amounts are whole microdollars.

-- What every change of a balance was for. Never changed, never deleted: a mistake is corrected by another entry.
-- `run`: one run on an instance that was there anyway · `interval`: a piece of the life of an instance that was started
-- for a deployment · `credit`: funds an administrator added, or took back. Charges are negative.
-- owner: billing
create table ledger (
  id bigint generated always as identity primary key,
  account_id uuid not null,
  kind text not null check (kind in ('run', 'interval', 'credit')),
  amount_microdollars bigint not null,
  at timestamptz not null,
  request_id uuid,
  epoch integer,
  instance_id uuid,
  from_ms bigint,
  duration_ms bigint check (duration_ms >= 0),
  sku text,
  price_per_hour_microdollars bigint,
  deployment_id uuid,
  token_id uuid,
  credit_key text,
  note text,
  check (kind = 'credit' or amount_microdollars <= 0),
  check (kind <> 'run' or (request_id is not null and epoch is not null and duration_ms is not null)),
  check (kind <> 'interval' or (instance_id is not null and from_ms is not null and duration_ms is not null))
);
-- Nothing is billed twice, whatever is tried again.
create unique index ledger_runs on ledger (request_id, epoch) where kind = 'run';
create unique index ledger_intervals on ledger (instance_id, from_ms) where kind = 'interval';
create unique index ledger_credit_keys on ledger (account_id, credit_key) where credit_key is not null;
create index ledger_by_age on ledger using brin (at) with (pages_per_range = 32);

create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
  raise exception 'the ledger is append-only: add a correcting entry instead';
end
$$;
create trigger ledger_is_append_only before update or delete or truncate on ledger
  for each statement execute function refuse_ledger_change();

-- The sum of an account's entries, kept in the transaction that adds one. `spent` is the sum of its charges alone.
-- owner: billing
create table balances (
  account_id uuid primary key,
  balance_microdollars bigint not null default 0,
  spent_microdollars bigint not null default 0,
  spending_limit_microdollars bigint
) with (fillfactor = 50);

-- What was charged for the requests of each token, against its limit.
-- owner: billing
create table token_spending (
  token_id uuid primary key,
  spent_microdollars bigint not null
) with (fillfactor = 50);

-- Instances that were started for a deployment, until they are known to be gone. `billed_ms` is how much of its life is
-- in the ledger.
-- owner: billing
create table metered_instances (
  instance_id uuid primary key,
  account_id uuid not null,
  deployment_id uuid not null,
  sku text not null,
  price_per_hour_microdollars bigint not null,
  asked_at timestamptz not null,
  billed_ms bigint not null default 0,
  gone_at timestamptz
);
create index metered_instances_open on metered_instances (instance_id) where gone_at is null;

-- What was used in each hour that is over; younger hours are counted when asked for.
-- owner: billing
create table usage_by_hour (
  account_id uuid not null,
  hour timestamptz not null,
  deployment_id uuid not null,
  token_id uuid not null,
  requests bigint not null,
  instance_ms bigint not null,
  cost_microdollars bigint not null,
  primary key (account_id, hour, deployment_id, token_id)
);

-- owner: billing
create table usage_counted (
  only_row boolean primary key default true check (only_row),
  until timestamptz
);
insert into usage_counted default values;

-- How long the run was on the instance, by a clock that is never set; null when it never got there, or nobody saw.
alter table attempts add column run_ms integer;
-- Attempts are only ever added, in the order of their ends but for clocks that are set: a few bytes for each megabyte.
create index attempts_by_age on attempts using brin (ended_at) with (pages_per_range = 32);

-- Why a deployment is disabled: 10001 for want of funds, 10002 by its owner; null while it is enabled.
alter table deployments add column disabled_code integer check (disabled_code in (10001, 10002));
update deployments set disabled_code = 10002 where not is_enabled;
