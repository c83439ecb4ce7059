-- What callers may still ask for in their present minute, agreed on by all API processes. Design: docs/decisions/0029-limits.md.

-- unlogged: a crash forgets a minute, and nobody waits for a disk
create unlogged table jovey.rate_windows (
  bucket   bytea        not null constraint rate_windows_pkey primary key,
  used     integer      not null,
  granted  integer      not null,
  ends_at  timestamptz  not null
) with (fillfactor = 50);
create index rate_windows_ends_idx on jovey.rate_windows (ends_at);
comment on table jovey.rate_windows is 'One row per caller (or address) and limit: a keyed hash of who it is, and how many requests of the present window were handed out.';
comment on column jovey.rate_windows.granted is 'How many of them the latest call was given: what that call returns.';
alter table jovey.rate_windows owner to jovey_owner;

-- Hands out part of a window's quota, so that a process asks once for many requests. What was handed out is used, whether
-- or not it is spent: all processes together never exceed the quota. Near its end the parts get smaller, so that little is
-- left unspent in the pocket of a process that does not need it. A window begins with its first request.
create function jovey.take_allowance(p_bucket bytea, p_quota integer, p_seconds double precision, p_wanted integer)
returns table (granted integer, remaining integer, resets_in double precision)
language plpgsql volatile security definer set search_path = jovey, pg_temp
as $$
#variable_conflict use_column
declare
  present   timestamptz := clock_timestamp();
  until     timestamptz := present + make_interval(secs => p_seconds);
  at_first  integer := least(p_wanted, p_quota);
begin
  return query
  insert into rate_windows as w (bucket, used, granted, ends_at) values (p_bucket, at_first, at_first, until)
  on conflict on constraint rate_windows_pkey do update set
    (used, granted, ends_at) = (
      select case when w.ends_at <= present then at_first else w.used + next.part end,
             case when w.ends_at <= present then at_first else next.part end,
             case when w.ends_at <= present then until else w.ends_at end
        from (select least(p_wanted, greatest(1, (p_quota - w.used) / 4), greatest(0, p_quota - w.used)) as part) next)
  returning w.granted, greatest(0, p_quota - w.used), extract(epoch from w.ends_at - present)::double precision;

  -- then every call sweeps away a few windows that are over, more than it can make; last, so that it never waits for one
  delete from rate_windows w using (
    select r.bucket from rate_windows r where r.ends_at < present and r.bucket <> p_bucket
     order by r.ends_at limit 4 for update skip locked
  ) over where w.bucket = over.bucket;
end $$;
alter function jovey.take_allowance owner to jovey_owner;
revoke all on function jovey.take_allowance from public;
grant execute on function jovey.take_allowance to jovey_append;
