-- Deployments of an account that are made from the same may run on the same instances.
alter table deployments add column share_instances boolean not null default false;
