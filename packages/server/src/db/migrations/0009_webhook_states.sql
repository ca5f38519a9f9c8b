-- Intermediate states are two: that a request waits, and that it runs.
alter table webhook_deliveries drop constraint webhook_deliveries_event_check;
alter table webhook_deliveries add check (event in ('queued', 'started', 'ended'));
