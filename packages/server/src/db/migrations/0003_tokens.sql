-- Accounts with an address, tokens with limits that can be given a new secret, and the timeline in the order of time.

alter table accounts add column email text;
create index accounts_by_age on accounts (created_at desc, id desc);

alter table tokens add column spending_limit_microdollars bigint;
-- To the minute: written when a cached lookup is renewed, never by the call itself.
alter table tokens add column last_used_at timestamptz;
create index tokens_by_account on tokens (account_id, created_at desc, id desc) where revoked_at is null;

-- Secrets that a newer one replaced. A row stays after its time, so that a setting that still names the secret does not
-- bring it back.
-- owner: accounts
create table replaced_secrets (
  hash bytea primary key,
  token_id uuid not null references tokens,
  valid_until timestamptz not null
);
create index replaced_secrets_by_token on replaced_secrets (token_id);

drop index events_by_account;
create index events_by_account on events (account_id, created_at desc);
create index events_by_age on events (created_at desc);
-- The failures of the timeline. Only a request with an error enters these, and only when it ends.
create index requests_failed_by_account on requests (account_id, finished_at desc) where error is not null;
create index requests_failed_by_age on requests (finished_at desc) where error is not null;
