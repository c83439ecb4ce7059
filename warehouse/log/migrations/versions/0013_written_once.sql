-- While every version of a stream stands in the table, its key refuses a second one. After a removal a trigger has to look: it
-- fires after the row went in, when whoever removed the first one is done. It sleeps while nothing was removed
-- (docs/decisions/0031-retention.md).

lock table jovey.events in share row exclusive mode; -- nobody removes meanwhile

create function jovey.refuse_second_writing() returns trigger language plpgsql as $$
begin
  if exists (select from jovey.events e where e.aggregate_id = new.aggregate_id and e.version > new.version
                                           and e.transaction_id <> pg_current_xact_id()) then
    raise exception 'version % of stream % was written long ago', new.version, new.aggregate_id using errcode = 'JV409';
  end if;
  return null;
end $$;
drop trigger events_one_beginning on jovey.events;
drop function jovey.refuse_second_beginning();
create trigger events_written_once after insert on jovey.events for each row execute function jovey.refuse_second_writing();

do $$
begin
  if exists (select from jovey.removals) then
    alter table jovey.events enable always trigger events_written_once;
  else
    alter table jovey.events disable trigger events_written_once;
  end if;
end $$;

create function jovey.is_guarded() returns boolean language sql stable as $$
  select exists (select from pg_trigger t
                  where t.tgrelid = 'jovey.events'::regclass and t.tgname = 'events_written_once' and t.tgenabled = 'A')
$$;
comment on function jovey.is_guarded is 'Whether the log looks for versions that are written twice, as it must before anything is removed.';

create function jovey.guard() returns void
language plpgsql security definer set search_path = jovey, pg_temp set lock_timeout = '2s' as $$
begin
  if not is_guarded() then
    alter table events enable always trigger events_written_once;
  end if;
end $$;
comment on function jovey.guard is 'Wakes the trigger, once in the life of a log, in a transaction of its own: appends wait for it, for a moment.';

create function jovey.refuse_unguarded() returns trigger language plpgsql as $$
begin
  if not jovey.is_guarded() then
    raise exception 'nothing is removed before jovey.guard()' using errcode = 'JV403';
  end if;
  return null;
end $$;
create trigger removals_guarded before insert on jovey.removals for each statement execute function jovey.refuse_unguarded();
alter table jovey.removals enable always trigger removals_guarded;

do $$
declare
  made regprocedure;
begin
  foreach made in array array[
    'jovey.refuse_second_writing()', 'jovey.is_guarded()', 'jovey.guard()', 'jovey.refuse_unguarded()']::regprocedure[]
  loop
    execute format('alter function %s owner to jovey_owner', made);
    execute format('revoke execute on function %s from public', made);
  end loop;
end $$;
grant execute on function jovey.is_guarded to jovey_read, jovey_tail;
