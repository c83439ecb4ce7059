-- Arrays that a call does not need are null, not empty: PL/pgSQL unfolds every array it is handed into a memory context of its own,
-- a sixth of a call of one event (docs/decisions/0039-unneeded-arrays.md). What append promises is as before.

create or replace function jovey.append(
  p_streams uuid[], p_stream_types varchar[], p_expected integer[],
  p_aggregate_ids uuid[], p_ordinals integer[], p_ids uuid[], p_types varchar[], p_schema_versions smallint[],
  p_effective timestamptz[], p_by varchar[], p_subjects uuid[], p_correlations uuid[], p_causations uuid[],
  p_data jsonb[], p_metadata jsonb[],
  p_state_ids uuid[] default null, p_state_types varchar[] default null, p_state_versions integer[] default null,
  p_states jsonb[] default null, p_owners uuid[] default null, p_statuses varchar[] default null,
  p_state_times timestamptz[] default null,
  p_commands uuid[] default null, p_hashes bytea[] default null, p_responses jsonb[] default null,
  p_claim_scopes varchar[] default null, p_claim_keys text[] default null, p_claim_ids uuid[] default null,
  p_unclaim_scopes varchar[] default null, p_unclaim_keys text[] default null, p_unclaim_ids uuid[] default null,
  out outcome text, out first_position bigint, out last_position bigint, out transaction_id xid8)
language plpgsql security definer set search_path = jovey, pg_temp as $$
declare
  n int;
  streams int;
  inserted int;
  known int;
  same int;
  head int;
  kind varchar;
  broken record;
begin
  if cardinality(p_ids) = 1 and p_expected[1] is not null then
    -- The shortest way: one event of one stream, well formed and as expected. Whatever it leaves out is told below.
    head := p_expected[1];
    if head > 0 then
      select e.version into known from events e
       where e.aggregate_id = p_streams[1] and e.version = head and e.aggregate_type = p_stream_types[1];
    end if;
    begin
      insert into events (aggregate_id, id, effective_at, version, schema_version, event_type, aggregate_type,
                          created_by, subject_id, correlation_id, causation_id, data, metadata)
      select p_streams[1], p_ids[1], p_effective[1], head + 1, p_schema_versions[1], p_types[1], p_stream_types[1],
             p_by[1], p_subjects[1], p_correlations[1], p_causations[1], p_data[1], p_metadata[1]
       where head = coalesce(known, 0) and p_streams[1] is not null and p_aggregate_ids = p_streams and p_ordinals = array[1]
         and 1 = all (array[cardinality(p_streams), cardinality(p_stream_types), cardinality(p_expected), cardinality(p_types),
                            cardinality(p_schema_versions), cardinality(p_effective), cardinality(p_by), cardinality(p_subjects),
                            cardinality(p_correlations), cardinality(p_causations), cardinality(p_data), cardinality(p_metadata)])
         and current_setting('transaction_isolation') = 'read committed'
      returning events.position, events.position, events.transaction_id, 'appended'
           into first_position, last_position, transaction_id, outcome;
    exception when unique_violation then null;
    end;
    if outcome is not null  -- and there is nothing else to write
       and num_nonnulls(p_state_ids, p_state_types, p_state_versions, p_states, p_owners, p_statuses, p_state_times, p_commands,
                        p_hashes, p_responses, p_claim_scopes, p_claim_keys, p_claim_ids, p_unclaim_scopes, p_unclaim_keys,
                        p_unclaim_ids) = 0 then
      return;
    end if;
  end if;

  transaction_id := pg_current_xact_id();
  n := cardinality(p_ids);
  streams := cardinality(p_streams);
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append runs at read committed, not at %', current_setting('transaction_isolation') using errcode = 'JV400';
  end if;
  if not coalesce(
       streams = all (array[cardinality(p_stream_types), cardinality(p_expected)])
       and n = all (array[cardinality(p_aggregate_ids), cardinality(p_ordinals), cardinality(p_types),
                          cardinality(p_schema_versions), cardinality(p_effective), cardinality(p_by), cardinality(p_subjects),
                          cardinality(p_correlations), cardinality(p_causations), cardinality(p_data), cardinality(p_metadata)])
       and (n = 0) = (streams = 0)
       and coalesce(cardinality(p_state_ids), 0) = all (array[
             coalesce(cardinality(p_state_types), 0), coalesce(cardinality(p_state_versions), 0), coalesce(cardinality(p_states), 0),
             coalesce(cardinality(p_owners), 0), coalesce(cardinality(p_statuses), 0), coalesce(cardinality(p_state_times), 0)])
       and coalesce(cardinality(p_commands), 0) = all (array[
             coalesce(cardinality(p_hashes), 0), coalesce(cardinality(p_responses), 0)])
       and coalesce(cardinality(p_claim_scopes), 0) = all (array[
             coalesce(cardinality(p_claim_keys), 0), coalesce(cardinality(p_claim_ids), 0)])
       and coalesce(cardinality(p_unclaim_scopes), 0) = all (array[
             coalesce(cardinality(p_unclaim_keys), 0), coalesce(cardinality(p_unclaim_ids), 0)]), false) then
    raise exception 'the arrays of one thing differ in length' using errcode = 'JV400';
  end if;

  if n > 0 and outcome is null then
    if streams = 1 then
      -- Events of one stream: no join, no sort. An event that is not numbered as it stands is left out and missed below.
      if not coalesce(p_streams[1] = all (p_aggregate_ids), false) then
        raise exception 'each stream is named once and its events are numbered from 1' using errcode = 'JV400';
      end if;
      head := p_expected[1];
      if head is null then
        perform pg_advisory_xact_lock(hashtextextended(p_streams[1]::text, 4801));
        select e.version, e.aggregate_type into head, kind from events e
         where e.aggregate_id = p_streams[1] order by e.version desc limit 1;
        head := coalesce(head, 0);
      elsif head > 0 then
        select e.aggregate_type into kind from events e where e.aggregate_id = p_streams[1] and e.version = head;
        if not found then
          raise exception 'stream % has not reached version %', p_streams[1], head using errcode = 'JV409';
        end if;
      end if;
      if kind <> p_stream_types[1] then
        raise exception 'stream % is a %, not a %', p_streams[1], kind, p_stream_types[1] using errcode = 'JV422';
      end if;
      begin
        with added as (
          insert into events (aggregate_id, id, effective_at, version, schema_version, event_type, aggregate_type,
                              created_by, subject_id, correlation_id, causation_id, data, metadata)
          select p_streams[1], u.id, u.effective, head + u.ordinal, u.schema_version, u.type, p_stream_types[1],
                 u.by, u.subject, u.correlation, u.causation, u.data, u.metadata
            from unnest(p_ordinals, p_ids, p_types, p_schema_versions, p_effective, p_by, p_subjects, p_correlations,
                        p_causations, p_data, p_metadata) with ordinality
                 u(ordinal, id, type, schema_version, effective, by, subject, correlation, causation, data, metadata, place)
           where u.ordinal = u.place
          returning position)
        select count(*), min(position), max(position) into inserted, first_position, last_position from added;
      exception when unique_violation then inserted := 0;
      end;
    else
      -- Each stream is named once, and its events are numbered 1, 2, 3 … in the order given: no version is ever left out.
      if (select count(distinct s.id) from unnest(p_streams) s(id)) <> streams
         or exists (select from (select u.aggregate_id, u.ordinal, row_number() over (partition by u.aggregate_id order by u.place) as due
                                   from unnest(p_aggregate_ids, p_ordinals) with ordinality u(aggregate_id, ordinal, place)) o
                      left join unnest(p_streams) s(id) on s.id = o.aggregate_id
                     where s.id is null or o.ordinal is distinct from o.due) then
        raise exception 'each stream is named once and its events are numbered from 1' using errcode = 'JV400';
      end if;

      -- A stream appended to whatever its version is serialised by its id; in id order, so that no two calls deadlock.
      if array_position(p_expected, null) is not null then
        perform pg_advisory_xact_lock(hashtextextended(s.id::text, 4801))
          from (select u.id from unnest(p_streams, p_expected) u(id, expected) where u.expected is null order by u.id) s;
      end if;

      -- Every stream must stand where the caller believes, as the type the caller believes.
      select s.id, s.type, s.expected, h.version as head, h.aggregate_type as head_type into broken
        from unnest(p_streams, p_stream_types, p_expected) s(id, type, expected)
        left join lateral (select e.version, e.aggregate_type from events e
                            where e.aggregate_id = s.id
                              and e.version = coalesce(s.expected, (select max(m.version) from events m where m.aggregate_id = s.id))
                            limit 1) h on true  -- a limit of one keeps the planner at the index
       where (s.expected > 0 and h.version is null) or h.aggregate_type <> s.type
       limit 1;
      if found then
        if broken.head_type is not null then
          raise exception 'stream % is a %, not a %', broken.id, broken.head_type, broken.type using errcode = 'JV422';
        end if;
        raise exception 'stream % has not reached version %', broken.id, broken.expected using errcode = 'JV409';
      end if;

      -- Positions are given out in the caller's order, rows go in (and so wait for other writers) in the order of streams:
      -- causes stand before effects, and two calls over the same new streams cannot wait for one another.
      begin
        with heads as materialized (
          select s.id, s.type,
                 coalesce(s.expected, (select max(e.version) from events e where e.aggregate_id = s.id), 0) as version
            from unnest(p_streams, p_stream_types, p_expected) s(id, type, expected)),
        placed as materialized (
          select nextval('jovey.events_position_seq') as position, u.*
            from unnest(p_aggregate_ids, p_ordinals, p_ids, p_types, p_schema_versions, p_effective, p_by, p_subjects,
                        p_correlations, p_causations, p_data, p_metadata) with ordinality
                 u(aggregate_id, ordinal, id, type, schema_version, effective, by, subject, correlation, causation, data, metadata, place)
           order by u.place),
        added as (
          insert into events (position, aggregate_id, id, effective_at, version, schema_version, event_type, aggregate_type,
                              created_by, subject_id, correlation_id, causation_id, data, metadata)
          overriding system value
          select u.position, u.aggregate_id, u.id, u.effective, heads.version + u.ordinal, u.schema_version, u.type, heads.type,
                 u.by, u.subject, u.correlation, u.causation, u.data, u.metadata
            from placed u join heads on heads.id = u.aggregate_id
           order by u.aggregate_id, u.ordinal
          returning position)
        select count(*), min(position), max(position) into inserted, first_position, last_position from added;
      exception when unique_violation then inserted := 0;
      end;
    end if;

    if inserted < n then  -- the same events again, or somebody else was faster: nothing of this call is there
      if streams = 1 and p_ordinals is distinct from array(select generate_series(1, n)) then
        raise exception 'each stream is named once and its events are numbered from 1' using errcode = 'JV400';
      end if;
      select count(*), count(*) filter (where e.event_type = u.type and e.data = u.data and e.aggregate_id = u.aggregate_id),
             min(e.position), max(e.position)
        into known, same, first_position, last_position
        from unnest(p_ids, p_types, p_data, p_aggregate_ids) u(id, type, data, aggregate_id) join events e on e.id = u.id;
      if same < known then
        raise exception 'an event id was used before with other content' using errcode = 'JV410';
      elsif known = n then
        outcome := 'duplicate';
        return;
      end if;
      select s.id, s.type, s.expected, coalesce(h.version, 0) as head, h.aggregate_type as head_type into broken
        from unnest(p_streams, p_stream_types, p_expected) s(id, type, expected)
        left join lateral (select e.version, e.aggregate_type from events e where e.aggregate_id = s.id and e.id <> all (p_ids)
                            order by e.version desc limit 1) h on true
       where s.expected <> coalesce(h.version, 0)
       order by s.id limit 1;
      if broken.head_type <> broken.type then
        raise exception 'stream % is a %, not a %', broken.id, broken.head_type, broken.type using errcode = 'JV422';
      elsif broken.id is not null then
        raise exception 'expected version % but stream % is at %', broken.expected, broken.id, broken.head using errcode = 'JV409';
      end if;
      raise exception 'part of these events is in the log already, or a stream moved on' using errcode = 'JV409';
    end if;
  end if;
  outcome := 'appended';

  if cardinality(p_state_ids) > 0 then
    insert into states as s (aggregate_id, aggregate_type, version, state, owner_id, status, created_at, updated_at)
    select u.id, u.type, u.version, u.state, u.owner, u.status, coalesce(first.effective, u.at), u.at
      from unnest(p_state_ids, p_state_types, p_state_versions, p_states, p_owners, p_statuses, p_state_times)
           u(id, type, version, state, owner, status, at)
      left join unnest(p_aggregate_ids, p_ordinals, p_effective) first(aggregate_id, ordinal, effective)
             on first.aggregate_id = u.id and first.ordinal = 1  -- a new stream began with its first event
     order by u.id
    on conflict (aggregate_id) do update
       set version = excluded.version, state = excluded.state, owner_id = excluded.owner_id,
           status = excluded.status, updated_at = excluded.updated_at
     where s.version < excluded.version;
    get diagnostics inserted = row_count;
    if inserted < cardinality(p_state_ids) then
      raise exception 'a state moved on' using errcode = 'JV409';
    end if;
  end if;

  if cardinality(p_commands) > 0 then
    insert into command_receipts (command_id, request_hash, response)
    select * from unnest(p_commands, p_hashes, p_responses) u(id, hash, response) order by u.id on conflict do nothing;
    get diagnostics inserted = row_count;
    if inserted < cardinality(p_commands) then
      raise exception 'a command was answered before' using errcode = 'JV411';
    end if;
  end if;

  if cardinality(p_unclaim_scopes) > 0 then
    delete from unique_claims c using unnest(p_unclaim_scopes, p_unclaim_keys, p_unclaim_ids) u(scope, key, id)
     where c.scope = u.scope and c.key = u.key and c.aggregate_id = u.id;
  end if;
  if cardinality(p_claim_scopes) > 0 then
    insert into unique_claims (scope, key, aggregate_id)
    select u.scope, u.key, u.id from unnest(p_claim_scopes, p_claim_keys, p_claim_ids) u(scope, key, id)
     order by u.scope, u.key on conflict do nothing;
    select c.scope, c.key into broken
      from unnest(p_claim_scopes, p_claim_keys, p_claim_ids) u(scope, key, id)
      join unique_claims c on c.scope = u.scope and c.key = u.key
     where c.aggregate_id <> u.id limit 1;
    if found then
      raise exception 'the % "%" belongs to another', broken.scope, broken.key
        using errcode = 'JV412', detail = broken.scope;
    end if;
  end if;
end $$;
