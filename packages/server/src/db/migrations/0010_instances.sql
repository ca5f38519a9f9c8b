-- The lives of instances that are started for deployments: from the moment they are asked for until they are gone.

-- owner: instances
create table instance_lives (
  id uuid primary key,
  provider text not null,
  pool text not null,
  account_id uuid not null,
  deployment_id uuid not null,
  sku text not null,
  fingerprint text not null,
  asked_at timestamptz not null,
  ready_at timestamptz,
  draining_at timestamptz,
  gone_at timestamptz,
  gone_kind text,
  reason text
);
create index instance_lives_open on instance_lives (asked_at) where gone_at is null;
create index instance_lives_by_deployment on instance_lives (deployment_id, asked_at desc);
