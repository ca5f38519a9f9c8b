-- Every table as all migrations leave it. Written by tools/generate-schema.ts; do not edit.

create table accounts (
  id uuid not null,
  name text not null,
  role text not null,
  is_active boolean not null default true,
  created_at timestamp with time zone not null default now(),
  email text,
  constraint accounts_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'member'::text]))),
  constraint accounts_pkey PRIMARY KEY (id)
);
CREATE INDEX accounts_by_age ON public.accounts USING btree (created_at DESC, id DESC);

create table attempts (
  request_id uuid not null,
  epoch integer not null,
  instance_id uuid,
  prompt_id uuid,
  started_at timestamp with time zone,
  ended_at timestamp with time zone not null,
  outcome text not null,
  cause text not null,
  report text,
  run_ms integer,
  constraint attempts_outcome_check CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'lost'::text]))),
  constraint attempts_pkey PRIMARY KEY (request_id, epoch)
);
CREATE INDEX attempts_by_age ON public.attempts USING brin (ended_at) WITH (pages_per_range='32');

create table balances (
  account_id uuid not null,
  balance_microdollars bigint not null default 0,
  spent_microdollars bigint not null default 0,
  spending_limit_microdollars bigint,
  constraint balances_pkey PRIMARY KEY (account_id)
);

create table deployments (
  id uuid not null,
  account_id uuid not null,
  name text not null,
  workflow_id uuid not null,
  version_id uuid not null,
  version_number integer not null,
  hardware text not null,
  min_instances integer not null,
  max_instances integer not null,
  queue_size integer not null,
  keep_warm_seconds double precision not null,
  is_enabled boolean not null default true,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  deleted_at timestamp with time zone,
  disabled_code integer,
  share_instances boolean not null default false,
  constraint deployments_disabled_code_check CHECK ((disabled_code = ANY (ARRAY[10001, 10002]))),
  constraint deployments_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  constraint deployments_version_id_fkey FOREIGN KEY (version_id) REFERENCES workflow_versions(id),
  constraint deployments_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES workflows(id),
  constraint deployments_pkey PRIMARY KEY (id)
);
CREATE INDEX deployments_by_account ON public.deployments USING btree (account_id, created_at DESC);
CREATE INDEX deployments_by_version ON public.deployments USING btree (version_id) WHERE (deleted_at IS NULL);

create table events (
  id bigint not null generated always as identity,
  account_id uuid,
  kind text not null,
  subject_id text,
  deployment_id uuid,
  token_id uuid,
  message text not null,
  changes text,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint events_pkey PRIMARY KEY (id)
);
CREATE INDEX events_by_account ON public.events USING btree (account_id, created_at DESC);
CREATE INDEX events_by_age ON public.events USING btree (created_at DESC);

create table idempotency_keys (
  account_id uuid not null,
  key text not null,
  body_sha256 text not null,
  request_id uuid not null,
  created_at timestamp with time zone not null,
  constraint idempotency_keys_pkey PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);

create table instance_lives (
  id uuid not null,
  provider text not null,
  pool text not null,
  account_id uuid not null,
  deployment_id uuid not null,
  sku text not null,
  fingerprint text not null,
  asked_at timestamp with time zone not null,
  ready_at timestamp with time zone,
  draining_at timestamp with time zone,
  gone_at timestamp with time zone,
  gone_kind text,
  reason text,
  steps jsonb not null default '[]'::jsonb,
  busy_ms bigint not null default 0,
  log_tail text,
  constraint instance_lives_pkey PRIMARY KEY (id)
);
CREATE INDEX instance_lives_by_deployment ON public.instance_lives USING btree (deployment_id, asked_at DESC);
CREATE INDEX instance_lives_gone ON public.instance_lives USING btree (pool, gone_at DESC) WHERE (gone_at IS NOT NULL);
CREATE INDEX instance_lives_open ON public.instance_lives USING btree (asked_at) WHERE (gone_at IS NULL);

create table instances (
  id uuid not null,
  provider text not null,
  address text not null,
  created_at timestamp with time zone not null default now(),
  constraint instances_pkey PRIMARY KEY (id),
  constraint instances_provider_address_key UNIQUE (provider, address)
);

create table leadership (
  only_row boolean not null default true,
  term bigint not null default 0,
  holder text,
  url text,
  beat bigint not null default 0,
  beat_at timestamp with time zone not null default clock_timestamp(),
  constraint leadership_only_row_check CHECK (only_row),
  constraint leadership_pkey PRIMARY KEY (only_row)
);

create table ledger (
  id bigint not null generated always as identity,
  account_id uuid not null,
  kind text not null,
  amount_microdollars bigint not null,
  at timestamp with time zone not null,
  request_id uuid,
  epoch integer,
  instance_id uuid,
  from_ms bigint,
  duration_ms bigint,
  sku text,
  price_per_hour_microdollars bigint,
  deployment_id uuid,
  token_id uuid,
  credit_key text,
  note text,
  constraint ledger_check CHECK (((kind = 'credit'::text) OR (amount_microdollars <= 0))),
  constraint ledger_check1 CHECK (((kind <> 'run'::text) OR ((request_id IS NOT NULL) AND (epoch IS NOT NULL) AND (duration_ms IS NOT NULL)))),
  constraint ledger_check2 CHECK (((kind <> 'interval'::text) OR ((instance_id IS NOT NULL) AND (from_ms IS NOT NULL) AND (duration_ms IS NOT NULL)))),
  constraint ledger_duration_ms_check CHECK ((duration_ms >= 0)),
  constraint ledger_kind_check CHECK ((kind = ANY (ARRAY['run'::text, 'interval'::text, 'credit'::text]))),
  constraint ledger_pkey PRIMARY KEY (id)
);
CREATE INDEX ledger_by_age ON public.ledger USING brin (at) WITH (pages_per_range='32');
CREATE UNIQUE INDEX ledger_credit_keys ON public.ledger USING btree (account_id, credit_key) WHERE (credit_key IS NOT NULL);
CREATE UNIQUE INDEX ledger_intervals ON public.ledger USING btree (instance_id, from_ms) WHERE (kind = 'interval'::text);
CREATE UNIQUE INDEX ledger_runs ON public.ledger USING btree (request_id, epoch) WHERE (kind = 'run'::text);

create table metered_instances (
  instance_id uuid not null,
  account_id uuid not null,
  deployment_id uuid not null,
  sku text not null,
  price_per_hour_microdollars bigint not null,
  asked_at timestamp with time zone not null,
  billed_ms bigint not null default 0,
  gone_at timestamp with time zone,
  constraint metered_instances_pkey PRIMARY KEY (instance_id)
);
CREATE INDEX metered_instances_open ON public.metered_instances USING btree (instance_id) WHERE (gone_at IS NULL);

create table migrations (
  number integer not null,
  name text not null,
  is_breaking boolean not null,
  applied_at timestamp with time zone not null default clock_timestamp(),
  constraint migrations_pkey PRIMARY KEY (number)
);

create table object_infos (
  sha256 text not null,
  key text not null,
  content text not null,
  constraint object_infos_pkey PRIMARY KEY (sha256),
  constraint object_infos_key_key UNIQUE (key)
);

create table proxied_prompts (
  prompt_id uuid not null,
  account_id uuid not null,
  token_id uuid not null,
  deployment_id uuid not null,
  instance_id uuid not null,
  created_at timestamp with time zone not null default now(),
  constraint proxied_prompts_pkey PRIMARY KEY (prompt_id)
);
CREATE INDEX proxied_prompts_by_account ON public.proxied_prompts USING btree (account_id, instance_id, created_at DESC);

create table replaced_secrets (
  hash bytea not null,
  token_id uuid not null,
  valid_until timestamp with time zone not null,
  constraint replaced_secrets_token_id_fkey FOREIGN KEY (token_id) REFERENCES tokens(id),
  constraint replaced_secrets_pkey PRIMARY KEY (hash)
);
CREATE INDEX replaced_secrets_by_token ON public.replaced_secrets USING btree (token_id);

create table request_files (
  request_id uuid not null,
  kind text not null,
  path text not null,
  node_id text,
  size_bytes bigint not null,
  sha256 text not null,
  content_type text not null,
  storage_key text,
  content bytea,
  created_at timestamp with time zone not null default now(),
  source text,
  constraint request_files_kind_check CHECK ((kind = ANY (ARRAY['output'::text, 'temp'::text]))),
  constraint request_files_pkey PRIMARY KEY (request_id, kind, path)
);
CREATE INDEX request_files_by_age ON public.request_files USING btree (created_at);
CREATE INDEX request_files_by_source ON public.request_files USING btree (source, created_at DESC) WHERE (source IS NOT NULL);

create table request_labels (
  deployment_id uuid not null,
  label text not null,
  value text not null,
  created_at timestamp with time zone not null,
  request_id uuid not null,
  constraint request_labels_pkey PRIMARY KEY (deployment_id, label, value, created_at, request_id)
);

create table request_payloads (
  request_id uuid not null,
  body text not null,
  extra_data text,
  constraint request_payloads_pkey PRIMARY KEY (request_id)
);

create table requests (
  id uuid not null,
  seq bigint not null generated always as identity,
  account_id uuid not null,
  deployment_id uuid not null,
  version_id uuid not null,
  state text not null,
  priority smallint not null default 0,
  epoch integer not null default 0,
  losses integer not null default 0,
  instance_id uuid,
  prompt_id uuid,
  created_at timestamp with time zone not null,
  leased_at timestamp with time zone,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  cancel_requested_at timestamp with time zone,
  start_by timestamp with time zone,
  run_within_seconds double precision,
  webhook_url text,
  webhook_intermediate boolean not null default false,
  metadata text,
  has_extra_data boolean not null default false,
  outputs text,
  error text,
  token_id uuid,
  error_code integer,
  webhook_base text,
  sent_epoch integer,
  sent_prompt_id uuid,
  constraint requests_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'active'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text]))),
  constraint requests_pkey PRIMARY KEY (id)
);
CREATE INDEX requests_by_deployment ON public.requests USING btree (deployment_id, created_at, id);
CREATE INDEX requests_failed_by_account ON public.requests USING btree (account_id, finished_at DESC) WHERE (error IS NOT NULL);
CREATE INDEX requests_failed_by_age ON public.requests USING btree (finished_at DESC) WHERE (error IS NOT NULL);
CREATE INDEX requests_live ON public.requests USING btree (seq) WHERE (finished_at IS NULL);
CREATE INDEX requests_to_cancel ON public.requests USING btree (id) WHERE ((finished_at IS NULL) AND (cancel_requested_at IS NOT NULL));
CREATE INDEX requests_unhappy ON public.requests USING btree (deployment_id, created_at, id) WHERE ((error_code IS NOT NULL) OR (cancel_requested_at IS NOT NULL));

create table token_spending (
  token_id uuid not null,
  spent_microdollars bigint not null,
  constraint token_spending_pkey PRIMARY KEY (token_id)
);

create table tokens (
  id uuid not null,
  account_id uuid not null,
  name text not null,
  prefix text not null,
  hash bytea not null,
  scopes text[] not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  spending_limit_microdollars bigint,
  last_used_at timestamp with time zone,
  constraint tokens_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  constraint tokens_pkey PRIMARY KEY (id),
  constraint tokens_hash_key UNIQUE (hash)
);
CREATE INDEX tokens_by_account ON public.tokens USING btree (account_id, created_at DESC, id DESC) WHERE (revoked_at IS NULL);

create table usage_by_hour (
  account_id uuid not null,
  hour timestamp with time zone not null,
  deployment_id uuid not null,
  token_id uuid not null,
  requests bigint not null,
  instance_ms bigint not null,
  cost_microdollars bigint not null,
  constraint usage_by_hour_pkey PRIMARY KEY (account_id, hour, deployment_id, token_id)
);

create table usage_counted (
  only_row boolean not null default true,
  until timestamp with time zone,
  constraint usage_counted_only_row_check CHECK (only_row),
  constraint usage_counted_pkey PRIMARY KEY (only_row)
);

create table webhook_deliveries (
  id uuid not null default gen_random_uuid(),
  account_id uuid not null,
  deployment_id uuid not null,
  request_id uuid not null,
  event text not null,
  url text not null,
  lane text not null,
  status text not null default 'pending'::text,
  attempts integer not null default 0,
  is_replay boolean not null default false,
  schedule_from timestamp with time zone not null,
  schedule_tries integer not null default 0,
  next_at timestamp with time zone,
  claimed_until timestamp with time zone,
  created_at timestamp with time zone not null,
  last_status integer,
  reason text,
  delivered_at timestamp with time zone,
  constraint webhook_deliveries_event_check CHECK ((event = ANY (ARRAY['queued'::text, 'started'::text, 'ended'::text]))),
  constraint webhook_deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text, 'disabled'::text]))),
  constraint webhook_deliveries_pkey PRIMARY KEY (id)
);
CREATE INDEX webhook_deliveries_by_account ON public.webhook_deliveries USING btree (account_id, created_at, id);
CREATE INDEX webhook_deliveries_by_age ON public.webhook_deliveries USING brin (created_at);
CREATE INDEX webhook_deliveries_by_request ON public.webhook_deliveries USING btree (request_id);
CREATE INDEX webhook_deliveries_due ON public.webhook_deliveries USING btree (lane, next_at) WHERE (status = 'pending'::text);
CREATE INDEX webhook_deliveries_states ON public.webhook_deliveries USING btree (request_id) WHERE ((event <> 'ended'::text) AND (status = 'pending'::text));

create table webhook_disabled_urls (
  account_id uuid not null,
  url text not null,
  disabled_at timestamp with time zone not null,
  constraint webhook_disabled_urls_pkey PRIMARY KEY (account_id, url)
);

create table webhook_secrets (
  account_id uuid not null,
  key text not null,
  previous_key text,
  previous_until timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  constraint webhook_secrets_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  constraint webhook_secrets_pkey PRIMARY KEY (account_id)
);

create table webhook_tries (
  delivery_id uuid not null,
  number integer not null,
  started_at timestamp with time zone not null,
  ms integer not null,
  status integer,
  error text,
  reply text,
  constraint webhook_tries_pkey PRIMARY KEY (delivery_id, number)
);

create table workflow_versions (
  id uuid not null,
  workflow_id uuid not null,
  number integer not null,
  graph text not null,
  object_info_sha256 text,
  environment text,
  readme text,
  findings text not null default '[]'::text,
  created_at timestamp with time zone not null default now(),
  deleted_at timestamp with time zone,
  parameters text not null default '[]'::text,
  parameters_schema text not null default '{"type":"object","properties":{}}'::text,
  is_suggested boolean not null default true,
  workflow_json text,
  constraint workflow_versions_object_info_sha256_fkey FOREIGN KEY (object_info_sha256) REFERENCES object_infos(sha256),
  constraint workflow_versions_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES workflows(id),
  constraint workflow_versions_pkey PRIMARY KEY (id),
  constraint workflow_versions_workflow_id_number_key UNIQUE (workflow_id, number)
);

create table workflows (
  id uuid not null,
  account_id uuid not null,
  name text not null,
  last_version integer not null default 0,
  created_at timestamp with time zone not null default now(),
  deleted_at timestamp with time zone,
  constraint workflows_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  constraint workflows_pkey PRIMARY KEY (id)
);
CREATE INDEX workflows_by_account ON public.workflows USING btree (account_id, created_at DESC);

alter table balances set (fillfactor=50);

alter table requests set (fillfactor=80);

alter table token_spending set (fillfactor=50);

alter table webhook_deliveries set (fillfactor=70);

CREATE OR REPLACE FUNCTION public.refuse_ledger_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'the ledger is append-only: add a correcting entry instead';
end
$function$
;

CREATE OR REPLACE FUNCTION public.wake_webhooks(lane text, at timestamp with time zone, priority integer)
 RETURNS uuid
 LANGUAGE plpgsql
AS $function$
begin
  perform comfleet_jobs.add_job('deliver_webhooks', json_build_object('lane', lane), run_at => at, priority => priority);
  return null::uuid;
end
$function$
;

CREATE TRIGGER ledger_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
