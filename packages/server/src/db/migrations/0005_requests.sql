-- What requests/ adds.
select 1;
