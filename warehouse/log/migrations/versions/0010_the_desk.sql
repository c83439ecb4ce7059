-- The events desk finds events by kind, by who did them, by their command and by time, in the order of positions or of
-- time; what is held about a person is found by whom an event is about. All grow at their right end, command ids apart.

create index events_type_idx on jovey.events (event_type, position) with (fillfactor = 100);
create index events_actor_idx on jovey.events (created_by, position) with (fillfactor = 100);
create index events_time_idx on jovey.events (created_at, position) with (fillfactor = 100);
create index events_correlation_idx on jovey.events (correlation_id, position);
create index events_subject_idx on jovey.events (subject_id) where subject_id is not null;
