-- Whose token submitted a request, what it can be listed and found by, and what is told of how it ran.

alter table requests add column token_id uuid;
-- The code that a failed request ended with; also 200001 of a success without new files.
alter table requests add column error_code integer;

-- The list of a deployment's requests, newest first, and the sweep of old ones. No column in it changes after the insert.
create index requests_by_deployment on requests (deployment_id, created_at, id);
-- The few that did not go well. A request that runs well never enters it.
create index requests_unhappy on requests (deployment_id, created_at, id)
  where error_code is not null or cancel_requested_at is not null;

-- One row for each label of a request, so that a label that few requests have is found at once.
-- owner: requests
create table request_labels (
  deployment_id uuid not null,
  label text not null,
  value text not null,
  created_at timestamptz not null,
  request_id uuid not null,
  primary key (deployment_id, label, value, created_at, request_id)
);

-- JSON text: when its phases began, its nodes' times, why it ran where it did, whose files it was given.
alter table attempts add column report text;

-- What the instance calls a file, "<instance id>/<type>/<path>", when it lies outside the attempt's own folder: an
-- identical later run is told the same name, and gets these bytes when the instance has them no longer.
alter table request_files add column source text;
create index request_files_by_source on request_files (source, created_at desc) where source is not null;
create index request_files_by_age on request_files (created_at);

create index idempotency_keys_by_age on idempotency_keys (created_at);
