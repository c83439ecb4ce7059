-- Old events leave the table for the archive; every reader of the beginning reads both. Design: docs/decisions/0031-retention.md.

create table jovey.removals (
  number            bigint       not null constraint removals_pkey primary key,
  events_removed    bigint       not null,
  events_kept       bigint       not null,
  highest_position  bigint       not null,
  file              text         not null,
  file_sha256       bytea        not null constraint removals_sha256_check check (octet_length(file_sha256) = 32),
  removed_by        text         not null default session_user,
  removed_at        timestamptz  not null default clock_timestamp(),
  transaction_id    xid8         not null default pg_current_xact_id()
);
comment on table jovey.removals is 'For each seal whose events were removed: how many, how many of its own stay, and the file that holds them all. Only grows.';
create trigger removals_append_only before update or delete or truncate on jovey.removals
  for each statement execute function jovey.refuse_seal_mutation();
alter table jovey.removals enable always trigger removals_append_only;

create table jovey.removed_subjects (
  subject_id    uuid    not null,
  aggregate_id  uuid    not null,
  events        bigint  not null,
  constraint removed_subjects_pkey primary key (subject_id, aggregate_id)
);
comment on table jovey.removed_subjects is 'How many removed events of a stream are about a person, so that what is handed to them can say so.';

-- unlogged: it is filled from files that prove themselves, and a crash that empties it loses nothing
create unlogged table jovey.unpacked_events (like jovey.events including indexes);
comment on table jovey.unpacked_events is 'All removed events, or none: filled from the archive for as long as somebody reads from the beginning.';

-- What may leave. A record of this transaction has to stand there first, and then only what its seal holds goes, never the
-- newest event of a stream: append asks it for version and kind.

create or replace function jovey.refuse_mutation() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and exists (select from jovey.removals r where r.transaction_id = pg_current_xact_id()) then
    return null;
  end if;
  raise exception 'jovey.events is append-only (% refused)', tg_op using errcode = 'JV403';
end $$;

create function jovey.refuse_removal() returns trigger language plpgsql as $$
begin
  if exists (select from gone g where not exists (
       select from jovey.removals r join jovey.seals s on s.number = r.number
        where r.transaction_id = pg_current_xact_id() and pg_visible_in_snapshot(g.transaction_id, s.cut_to))) then
    raise exception 'jovey.events is append-only (DELETE of what the removed seal does not hold refused)' using errcode = 'JV403';
  end if;
  if exists (select from gone g where not exists (
       select from jovey.events e where e.aggregate_id = g.aggregate_id and e.version > g.version)) then
    raise exception 'jovey.events is append-only (DELETE of the newest event of a stream refused)' using errcode = 'JV403';
  end if;
  return null;
end $$;
create trigger events_removal after delete on jovey.events referencing old table as gone
  for each statement execute function jovey.refuse_removal();
alter table jovey.events enable always trigger events_removal;

-- A stream whose beginning was removed has no row of version 1 any more that would stand in the way of a second one.
create function jovey.refuse_second_beginning() returns trigger language plpgsql as $$
declare
  oldest int := (select min(e.version) from jovey.events e where e.aggregate_id = new.aggregate_id);
begin
  if oldest > 1 then
    raise exception 'expected version 0 but stream % began long ago', new.aggregate_id using errcode = 'JV409';
  end if;
  return new;
end $$;
create trigger events_one_beginning before insert on jovey.events
  for each row when (new.version = 1) execute function jovey.refuse_second_beginning();

create function jovey.retire_seal(p_number bigint, p_before timestamptz, p_file text, p_sha256 bytea,
                                  out removed bigint, out kept bigint)
language plpgsql security definer set search_path = jovey, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
  due bigint := (select coalesce(max(r.number), 0) + 1 from removals r);
  sealed seals;
  behind text;
  held record;
  gone bigint[];
begin
  select * into sealed from seals s where s.number = p_number;
  if not found or p_number <> due then
    raise exception 'seal % is not the next to be removed, that is %', p_number, due using errcode = 'JV403';
  end if;
  if exists (select from unpacked_events) then
    raise exception 'removed events are unpacked: pack them first' using errcode = 'JV403';
  end if;
  select string_agg(c.consumer, ', ' order by c.consumer) into behind from tail_cuts c
   where pg_snapshot_xmax(c.snapshot) < pg_snapshot_xmax(sealed.cut_to)
      or exists (select from pg_snapshot_xip(c.snapshot) x (id) where pg_visible_in_snapshot(x.id, sealed.cut_to));
  if behind is not null then
    raise exception 'seal % was not read yet by %', p_number, behind using errcode = 'JV403';
  end if;

  select count(*) as events, max(greatest(e.created_at, e.effective_at)) as newest, max(e.position) as highest,
         array_agg(distinct e.aggregate_id) as streams, max(e.version) as version into held
    from events e
   where (e.transaction_id >= pg_snapshot_xmax(sealed.cut_from) and e.transaction_id < pg_snapshot_xmax(sealed.cut_to)
          or e.transaction_id = any (array(select pg_snapshot_xip(sealed.cut_from))))
     and pg_visible_in_snapshot(e.transaction_id, sealed.cut_to);
  if held.events <> sealed.event_count then
    raise exception 'seal % holds % events, the log %', p_number, sealed.event_count, held.events using errcode = 'JV403';
  end if;
  if sealed.sealed_at >= p_before or held.newest >= p_before then
    raise exception 'seal % holds what is younger than %', p_number, p_before using errcode = 'JV403';
  end if;

  -- Of each stream a beginning goes, with what earlier seals left of it: what stays has no gap, so that no version is
  -- written twice. The newest event stays, and an account from its oldest open invoice on, which its doors read.
  select coalesce(array_agg(e.position), '{}') into gone
    from unnest(held.streams) stream (id)
    cross join lateral (
      select least((select max(n.version) from events n where n.aggregate_id = stream.id),
                   (select min(i.version) from states account join events i on i.aggregate_id = account.aggregate_id
                     where account.aggregate_id = stream.id and account.aggregate_type = 'account'
                       and i.event_type = 'invoice.generated' and account.state -> 'invoices' ? (i.data ->> 'invoice_id'))
                  ) as version) stays
    join events e on e.aggregate_id = stream.id and e.version < stays.version and e.version <= held.version
   where pg_visible_in_snapshot(e.transaction_id, sealed.cut_to);

  removed := cardinality(gone);
  kept := held.events - (
    select count(*) from events e
     where e.position = any (gone) and not pg_visible_in_snapshot(e.transaction_id, sealed.cut_from));
  insert into removals (number, events_removed, events_kept, highest_position, file, file_sha256)
  values (p_number, removed, kept, held.highest, p_file, p_sha256);
  insert into removed_subjects as r (subject_id, aggregate_id, events)
  select e.subject_id, e.aggregate_id, count(*) from events e
   where e.position = any (gone) and e.subject_id is not null group by 1, 2
  on conflict on constraint removed_subjects_pkey do update set events = r.events + excluded.events;
  delete from events e where e.position = any (gone);
end $$;
comment on function jovey.retire_seal is 'Takes the events of the oldest seal out of the table, but for those that commands and doors ask for; its owner''s alone.';

-- One read path. The view of the house's own readers asks with their rights, people's view is bound by the policies.

create view jovey.history with (security_invoker = true) as
select position, transaction_id, aggregate_id, id, created_at, effective_at, version, schema_version, event_type, aggregate_type,
       created_by, subject_id, correlation_id, causation_id, data, metadata
  from jovey.events
union all
select position, transaction_id, aggregate_id, id, created_at, effective_at, version, schema_version, event_type, aggregate_type,
       created_by, subject_id, correlation_id, causation_id, data, metadata
  from jovey.unpacked_events;
comment on view jovey.history is 'The log from its first event on: what stands in the table, and what was unpacked. Whoever needs the beginning reads here.';

create view jovey.visible_history as
select position, transaction_id, aggregate_id, id, created_at, effective_at, version, schema_version, event_type, aggregate_type,
       created_by, subject_id, correlation_id, causation_id, data, metadata
  from jovey.events
union all
select position, transaction_id, aggregate_id, id, created_at, effective_at, version, schema_version, event_type, aggregate_type,
       created_by, subject_id, correlation_id, causation_id, data, metadata
  from jovey.unpacked_events;
comment on view jovey.visible_history is 'What the asker may see of the log and of what was unpacked.';

alter table jovey.unpacked_events enable row level security;
create policy everything_to_those_who_keep_the_log on jovey.unpacked_events for select to jovey_read, jovey_tail using (true);
create policy everything_to_the_system_and_the_events_desk on jovey.unpacked_events for select to jovey_views
  using ((select jovey.hears_everything()));
create policy facts_of_their_functions_to_staff on jovey.unpacked_events for select to jovey_views
  using (aggregate_type = any ((select jovey.kinds_heard())::varchar[]));
create policy their_orders_and_invoices_to_buyers on jovey.unpacked_events for select to jovey_views
  using ((aggregate_type = 'order' or event_type = 'invoice.generated') and (select jovey.buyer_id()) is not null
         and jovey.is_owner(aggregate_id, (select jovey.buyer_id())));

create or replace function jovey.invoice_positions(p_ids uuid[]) returns setof bigint
language plpgsql stable rows 10 security definer set search_path = jovey, pg_temp as $$
begin
  return query select e.position from events e
                where e.event_type = 'invoice.generated' and (e.data ->> 'invoice_id')::uuid = any (p_ids)
               union all
               select e.position from unpacked_events e
                where e.event_type = 'invoice.generated' and (e.data ->> 'invoice_id')::uuid = any (p_ids);
end $$;

-- What an answer leaves out, so that it can say so: numbers, and no fact. Nothing is left out while it is unpacked.

create function jovey.archived_events() returns bigint
language plpgsql stable security definer set search_path = jovey, pg_temp as $$
begin
  return case when exists (select from unpacked_events) then 0
              else (select coalesce(sum(r.events_removed), 0)::bigint from removals r) end;
end $$;
comment on function jovey.archived_events is 'How many events stand in the archive and are not unpacked.';

create function jovey.archived_of(p_person uuid, p_streams uuid[]) returns bigint
language plpgsql stable security definer set search_path = jovey, pg_temp as $$
begin
  if not exists (select from removals) or exists (select from unpacked_events) then
    return 0;
  end if;
  return (select coalesce(sum((select min(e.version) from events e where e.aggregate_id = stream.id) - 1), 0)
            from (select distinct u.id from unnest(p_streams) u (id)) stream)
       + (select coalesce(sum(r.events), 0) from removed_subjects r
           where r.subject_id = p_person and r.aggregate_id <> all (p_streams));
end $$;
comment on function jovey.archived_of is 'How many events of these streams, or about this person in others, stand in the archive and are not unpacked.';

-- Owners and grants.

grant create on schema jovey to jovey_views;
alter view jovey.history owner to jovey_views;
alter view jovey.visible_history owner to jovey_views;
revoke create on schema jovey from jovey_views;
grant select on jovey.unpacked_events to jovey_views, jovey_read, jovey_tail;
grant select on jovey.history to jovey_owner, jovey_read, jovey_tail;
grant select on jovey.visible_history to jovey_append;
alter table jovey.removals owner to jovey_owner;
alter table jovey.removed_subjects owner to jovey_owner;
alter table jovey.unpacked_events owner to jovey_owner;
grant select on jovey.removals to jovey_read, jovey_tail;

do $$
declare
  made regprocedure;
begin
  foreach made in array array[
    'jovey.refuse_removal()', 'jovey.refuse_second_beginning()', 'jovey.retire_seal(bigint,timestamptz,text,bytea)',
    'jovey.archived_events()', 'jovey.archived_of(uuid,uuid[])']::regprocedure[]
  loop
    execute format('alter function %s owner to jovey_owner', made);
    execute format('revoke execute on function %s from public', made);
  end loop;
end $$;
grant execute on function jovey.archived_events, jovey.archived_of to jovey_append, jovey_read, jovey_tail;
