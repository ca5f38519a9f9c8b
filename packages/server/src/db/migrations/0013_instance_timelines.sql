-- What is told of an instance's life: its steps, how long it worked, and the end of the log of those that went lately.
alter table instance_lives add column steps jsonb not null default '[]';
alter table instance_lives add column busy_ms bigint not null default 0;
alter table instance_lives add column log_tail text;
create index instance_lives_gone on instance_lives (pool, gone_at desc) where gone_at is not null;
