-- What webhooks/ adds.
select 1;
