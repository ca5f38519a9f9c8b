-- What workflows/ adds.
select 1;
