-- What instances/ and proxy/ add.

-- Prompts that a caller sent through the proxy: whose each is, for ever after. ComfyUI's own list of them is shared.
-- owner: proxy
create table proxied_prompts (
  prompt_id uuid primary key,
  account_id uuid not null,
  token_id uuid not null,
  deployment_id uuid not null,
  instance_id uuid not null,
  created_at timestamptz not null default now()
);
create index proxied_prompts_by_account on proxied_prompts (account_id, instance_id, created_at desc);
