-- What accounts/ adds.
select 1;
