-- Which of the services on this database is the brain, and what a prompt was sent under when another brain adopts it.

-- owner: db
create table leadership (
  only_row boolean primary key default true check (only_row),
  -- Counts brains. Who acts under an earlier one is refused.
  term bigint not null default 0,
  -- The replica, as its sessions are named; null when nobody is.
  holder text,
  url text,
  beat bigint not null default 0,
  beat_at timestamptz not null default clock_timestamp()
);
insert into leadership default values;

-- The epoch that named the attempt's folder; it counts for this prompt only, so that older services need not know of it.
alter table requests add column sent_epoch int, add column sent_prompt_id uuid;
