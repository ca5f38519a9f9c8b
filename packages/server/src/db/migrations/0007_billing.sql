-- What billing/ adds.
select 1;
