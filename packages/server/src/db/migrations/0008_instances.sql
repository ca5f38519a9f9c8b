-- What instances/ adds.
select 1;
