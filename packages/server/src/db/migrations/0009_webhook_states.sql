-- Intermediate states are two: that a request waits, and that it runs.
alter table webhook_deliveries drop constraint webhook_deliveries_event_check;
alter table webhook_deliveries add check (event in ('queued', 'started', 'ended'));
-- The few that a result has to wait for. Without it, each claim of a result would walk everything that is due.
create index webhook_deliveries_states on webhook_deliveries (request_id) where event <> 'ended' and status = 'pending';
