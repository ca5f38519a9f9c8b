-- One timeline of what was done and what happened: deployments, instances, edits, tokens, failures. Append-only.
-- `kind` is <noun>.<verb>; `changes` is {"field": {"old": …, "new": …}}; account_id is null for what concerns nobody alone.
-- owner: events
create table events (
  id bigint generated always as identity primary key,
  account_id uuid,
  kind text not null,
  subject_id text,
  deployment_id uuid,
  token_id uuid,
  message text not null,
  changes text,
  created_at timestamptz not null default clock_timestamp()
);
create index events_by_account on events (account_id, id desc);
