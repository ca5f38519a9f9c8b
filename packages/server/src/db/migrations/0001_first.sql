-- The first schema. Each table names its owning folder under packages/server/src; only that folder's *.sql.ts write it.

-- owner: accounts
create table accounts (
  id uuid primary key,
  name text not null,
  role text not null check (role in ('admin', 'member')),
  is_active boolean not null default true,
  created_at timestamptz not null default now()
);

-- Only a SHA-256 of a token is kept; `prefix` is what a list may show.
-- owner: accounts
create table tokens (
  id uuid primary key,
  account_id uuid not null references accounts,
  name text not null,
  prefix text not null,
  hash bytea not null unique,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz
);

-- owner: workflows
create table workflows (
  id uuid primary key,
  account_id uuid not null references accounts,
  name text not null,
  last_version integer not null default 0,
  created_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index workflows_by_account on workflows (account_id, created_at desc);

-- object_info documents, once by content; `key` is the unguessable part of their public address.
-- owner: workflows
create table object_infos (
  sha256 text primary key,
  key text not null unique,
  content text not null
);

-- owner: workflows
create table workflow_versions (
  id uuid primary key,
  workflow_id uuid not null references workflows,
  number integer not null,
  graph text not null,
  object_info_sha256 text references object_infos,
  environment text,
  readme text,
  findings text not null default '[]',
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (workflow_id, number)
);

-- owner: deployments
create table deployments (
  id uuid primary key,
  account_id uuid not null references accounts,
  name text not null,
  workflow_id uuid not null references workflows,
  version_id uuid not null references workflow_versions,
  version_number integer not null,
  hardware text not null,
  min_instances integer not null,
  max_instances integer not null,
  queue_size integer not null,
  keep_warm_seconds double precision not null,
  is_enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index deployments_by_account on deployments (account_id, created_at desc);
create index deployments_by_version on deployments (version_id) where deleted_at is null;

-- A fixed URL keeps its id over restarts, so that `instance_id` in old results stays meaningful.
-- owner: instances
create table instances (
  id uuid primary key,
  provider text not null,
  address text not null,
  created_at timestamptz not null default now(),
  unique (provider, address)
);

-- The queue and the lease. A row is hot while it lives (fillfactor keeps its updates on the page); the payload is elsewhere.
-- `epoch` is the fencing number: every write about an attempt names it.
-- owner: requests
create table requests (
  id uuid primary key,
  seq bigint generated always as identity,
  account_id uuid not null,
  deployment_id uuid not null,
  version_id uuid not null,
  state text not null check (state in ('queued', 'active', 'succeeded', 'failed', 'cancelled')),
  priority smallint not null default 0,
  epoch integer not null default 0,
  losses integer not null default 0,
  instance_id uuid,
  prompt_id uuid,
  created_at timestamptz not null,
  leased_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  cancel_requested_at timestamptz,
  start_by timestamptz,
  run_within_seconds double precision,
  webhook_url text,
  webhook_intermediate boolean not null default false,
  metadata text,
  has_extra_data boolean not null default false,
  outputs text,
  error text
) with (fillfactor = 80);
-- What a restart loads, in queue order; terminal rows are not in it. Its condition is on finished_at because a lease
-- changes the state: a column that an index names would cost every lease an entry in each index.
create index requests_live on requests (seq) where finished_at is null;

-- owner: requests
create table request_payloads (
  request_id uuid primary key,
  body text not null,
  extra_data text
);

-- One row for each ended attempt; the running one is in `requests`.
-- owner: requests
create table attempts (
  request_id uuid not null,
  epoch integer not null,
  instance_id uuid,
  prompt_id uuid,
  started_at timestamptz,
  ended_at timestamptz not null,
  outcome text not null check (outcome in ('succeeded', 'failed', 'cancelled', 'lost')),
  cause text not null,
  primary key (request_id, epoch)
);

-- Files a run produced. Small ones live in `content`; larger ones in the storage under `storage_key`.
-- owner: requests
create table request_files (
  request_id uuid not null,
  kind text not null check (kind in ('output', 'temp')),
  path text not null,
  node_id text,
  size_bytes bigint not null,
  sha256 text not null,
  content_type text not null,
  storage_key text,
  content bytea,
  created_at timestamptz not null default now(),
  primary key (request_id, kind, path)
);

-- owner: requests
create table idempotency_keys (
  account_id uuid not null,
  key text not null,
  body_sha256 text not null,
  request_id uuid not null,
  created_at timestamptz not null,
  primary key (account_id, key)
);
