-- While version 1 of every stream stands in the table, its key refuses a second one. The trigger that looks for streams whose
-- beginning was removed costs an append of a new stream a quarter of its time, so it rests until there are such streams.

do $$
begin
  if exists (select from jovey.removals) then
    alter table jovey.events enable always trigger events_one_beginning;
  else
    alter table jovey.events disable trigger events_one_beginning;
  end if;
end $$;

create function jovey.guards_beginnings() returns boolean language sql stable as $$
  select t.tgenabled = 'A' from pg_trigger t
   where t.tgrelid = 'jovey.events'::regclass and t.tgname = 'events_one_beginning'
$$;
comment on function jovey.guards_beginnings is 'Whether the log looks for second beginnings, as it must before anything is removed.';

create function jovey.guard_beginnings() returns void
language plpgsql security definer set search_path = jovey, pg_temp set lock_timeout = '2s' as $$
begin
  if not guards_beginnings() then
    alter table events enable always trigger events_one_beginning;
  end if;
end $$;
comment on function jovey.guard_beginnings is 'Wakes the guard, once in the life of a log, in a transaction of its own: appends wait for it, for a moment.';

create function jovey.refuse_unguarded() returns trigger language plpgsql as $$
begin
  if not jovey.guards_beginnings() then
    raise exception 'nothing is removed before jovey.guard_beginnings()' using errcode = 'JV403';
  end if;
  return null;
end $$;
create trigger removals_guarded before insert on jovey.removals for each statement execute function jovey.refuse_unguarded();
alter table jovey.removals enable always trigger removals_guarded;

do $$
declare
  made regprocedure;
begin
  foreach made in array array['jovey.guards_beginnings()', 'jovey.guard_beginnings()', 'jovey.refuse_unguarded()']::regprocedure[]
  loop
    execute format('alter function %s owner to jovey_owner', made);
    execute format('revoke execute on function %s from public', made);
  end loop;
end $$;
