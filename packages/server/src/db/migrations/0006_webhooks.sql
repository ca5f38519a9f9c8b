-- Deliveries of results to the callers' own servers, the secrets that sign them, and the receivers that said 410.

-- What the submit call came through, "<base>/prod/<version>": the webhook's URLs and words are those of its result route.
alter table requests add column webhook_base text;

-- Kept as it is, not hashed: it signs, and its owner may look at it. The previous one signs too until previous_until.
-- owner: webhooks
create table webhook_secrets (
  account_id uuid primary key references accounts,
  key text not null,
  previous_key text,
  previous_until timestamptz,
  created_at timestamptz not null default now()
);

-- One call that is owed. `lane` is account and host: what shares a cap. `attempts` counts every try, `schedule_tries`
-- those since `schedule_from`, which a replay sets anew. The body is made when it is sent.
-- owner: webhooks
create table webhook_deliveries (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null,
  deployment_id uuid not null,
  request_id uuid not null,
  event text not null check (event in ('started', 'ended')),
  url text not null,
  lane text not null,
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed', 'disabled')),
  attempts integer not null default 0,
  is_replay boolean not null default false,
  schedule_from timestamptz not null,
  schedule_tries integer not null default 0,
  next_at timestamptz,
  claimed_until timestamptz,
  created_at timestamptz not null,
  last_status integer,
  reason text,
  delivered_at timestamptz
) with (fillfactor = 70);
create index webhook_deliveries_due on webhook_deliveries (lane, next_at) where status = 'pending';
create index webhook_deliveries_by_account on webhook_deliveries (account_id, created_at, id);
create index webhook_deliveries_by_request on webhook_deliveries (request_id);
-- For the sweep of old ones: nearly nothing to keep, and rows lie in the order of their age.
create index webhook_deliveries_by_age on webhook_deliveries using brin (created_at);

-- owner: webhooks
create table webhook_tries (
  delivery_id uuid not null,
  number integer not null,
  started_at timestamptz not null,
  ms integer not null,
  status integer,
  error text,
  reply text,
  primary key (delivery_id, number)
);

-- Receivers that answered 410: nothing more is sent to that address for that account until a replay is acknowledged.
-- owner: webhooks
create table webhook_disabled_urls (
  account_id uuid not null,
  url text not null,
  disabled_at timestamptz not null,
  primary key (account_id, url)
);

-- Asks the job library to run a lane. A function, so that statements that owe a webhook need not know the library's
-- schema, which is made after this one; it costs a statement that owes none nothing.
create function wake_webhooks(lane text, at timestamptz, priority integer) returns uuid language plpgsql as $$
begin
  perform comfleet_jobs.add_job('deliver_webhooks', json_build_object('lane', lane), run_at => at, priority => priority);
  return null::uuid;
end
$$;
