-- The log. Design and proofs: docs/decisions/0002-the-log.md.

create table jovey.events (
  position        bigint       generated always as identity (sequence name jovey.events_position_seq cache 1) not null,
  transaction_id  xid8         not null default pg_current_xact_id(),
  aggregate_id    uuid         not null,
  id              uuid         not null,
  created_at      timestamptz  not null default clock_timestamp(),
  effective_at    timestamptz  not null,
  version         integer      not null,
  schema_version  smallint     not null,
  event_type      varchar(100) not null,
  aggregate_type  varchar(50)  not null,
  created_by      varchar(100) not null,
  subject_id      uuid,
  correlation_id  uuid         not null,
  causation_id    uuid         not null,
  data            jsonb        not null,
  metadata        jsonb        not null default '{}'::jsonb,
  constraint events_pkey primary key (position) with (fillfactor = 100),
  constraint events_id_key unique (id),
  constraint events_stream_version_key unique (aggregate_id, version),
  constraint events_version_check check (version > 0),
  constraint events_schema_version_check check (schema_version > 0),
  constraint events_data_object_check check (jsonb_typeof(data) = 'object'),
  constraint events_metadata_object_check check (jsonb_typeof(metadata) = 'object'),
  constraint events_data_size_check check (octet_length(data::text) <= 1048576)
) with (fillfactor = 100, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_freeze_min_age = 0);
create index events_tail_idx on jovey.events (transaction_id) with (fillfactor = 100);
comment on table jovey.events is 'Every fact the company recorded. Only grows; rows enter through jovey.append alone.';

create function jovey.refuse_mutation() returns trigger language plpgsql as $$
begin
  raise exception 'jovey.events is append-only (% refused)', tg_op using errcode = 'JV403';
end $$;
create trigger events_append_only before update or delete or truncate on jovey.events
  for each statement execute function jovey.refuse_mutation();
alter table jovey.events enable always trigger events_append_only;  -- also under session_replication_role = replica

create table jovey.states (
  aggregate_id    uuid         not null constraint states_pkey primary key,
  aggregate_type  varchar(50)  not null,
  version         integer      not null,
  state           jsonb        not null,
  owner_id        uuid,
  status          varchar(40)  not null,
  created_at      timestamptz  not null,
  updated_at      timestamptz  not null
) with (fillfactor = 70);  -- room for heap-only updates: neither key nor index changes on most
create index states_list_idx on jovey.states (aggregate_type, aggregate_id);
create index states_owner_idx on jovey.states (owner_id, aggregate_type, aggregate_id) where owner_id is not null;
comment on table jovey.states is 'The fold of each stream, written in the transaction of its events. Never a second truth: jovey rebuild makes it anew.';

create table jovey.command_receipts (
  command_id      uuid         not null constraint command_receipts_pkey primary key,
  request_hash    bytea        not null,
  response        jsonb        not null,
  created_at      timestamptz  not null default now()
);
comment on table jovey.command_receipts is 'What a command was answered, so that its repetition is answered alike.';

create table jovey.unique_claims (
  scope           varchar(50)  not null,
  key             text         not null,
  aggregate_id    uuid         not null,
  constraint unique_claims_pkey primary key (scope, key)
);
comment on table jovey.unique_claims is 'Who holds an e-mail address, an order number, a provider''s payment: one holder a key. A function of the states.';

create table jovey.tail_cuts (
  consumer          varchar(100) not null constraint tail_cuts_pkey primary key,
  snapshot          pg_snapshot  not null,
  timeline_id       integer      not null,
  system_identifier bigint       not null,
  taken_at          timestamptz  not null
);
comment on table jovey.tail_cuts is 'How far each reader of the log has read, as a snapshot.';

create function jovey.append(
  p_streams uuid[], p_stream_types varchar[], p_expected integer[],
  p_aggregate_ids uuid[], p_ordinals integer[], p_ids uuid[], p_types varchar[], p_schema_versions smallint[],
  p_effective timestamptz[], p_by varchar[], p_subjects uuid[], p_correlations uuid[], p_causations uuid[],
  p_data jsonb[], p_metadata jsonb[],
  p_state_ids uuid[] default '{}', p_state_types varchar[] default '{}', p_state_versions integer[] default '{}',
  p_states jsonb[] default '{}', p_owners uuid[] default '{}', p_statuses varchar[] default '{}',
  p_state_times timestamptz[] default '{}',
  p_commands uuid[] default '{}', p_hashes bytea[] default '{}', p_responses jsonb[] default '{}',
  p_claim_scopes varchar[] default '{}', p_claim_keys text[] default '{}', p_claim_ids uuid[] default '{}',
  p_unclaim_scopes varchar[] default '{}', p_unclaim_keys text[] default '{}', p_unclaim_ids uuid[] default '{}',
  out outcome text, out first_position bigint, out last_position bigint, out transaction_id xid8)
language plpgsql security definer set search_path = jovey, pg_temp as $$
declare
  n int := cardinality(p_ids);
  inserted int;
  same int;
  broken record;
begin
  transaction_id := pg_current_xact_id();
  outcome := 'appended';

  if n > 0 then
    -- A stream appended to whatever its version is serialised by its id; in id order, so that no two calls deadlock.
    perform pg_advisory_xact_lock(hashtextextended(s.id::text, 4801))
      from (select u.id from unnest(p_streams, p_expected) u(id, expected) where u.expected is null order by u.id) s;

    -- Every stream must stand where the caller believes, as the type the caller believes.
    select s.id, s.type, s.expected, h.version as head, h.aggregate_type as head_type into broken
      from unnest(p_streams, p_stream_types, p_expected) s(id, type, expected)
      left join lateral (select e.version, e.aggregate_type from events e
                          where e.aggregate_id = s.id and e.version = coalesce(nullif(s.expected, 0), e.version)
                          order by e.version desc limit 1) h on true
     where (s.expected > 0 and h.version is null) or h.aggregate_type <> s.type
     limit 1;
    if found then
      if broken.head_type is not null then
        raise exception 'stream % is a %, not a %', broken.id, broken.head_type, broken.type using errcode = 'JV422';
      end if;
      raise exception 'stream % has not reached version %', broken.id, broken.expected using errcode = 'JV409';
    end if;

    with heads as materialized (
      select s.id, s.type,
             coalesce(s.expected, (select max(e.version) from events e where e.aggregate_id = s.id), 0) as version
        from unnest(p_streams, p_stream_types, p_expected) s(id, type, expected)),
    added as (
      insert into events (aggregate_id, id, effective_at, version, schema_version, event_type, aggregate_type,
                          created_by, subject_id, correlation_id, causation_id, data, metadata)
      select u.aggregate_id, u.id, u.effective, heads.version + u.ordinal, u.schema_version, u.type, heads.type,
             u.by, u.subject, u.correlation, u.causation, u.data, u.metadata
        from unnest(p_aggregate_ids, p_ordinals, p_ids, p_types, p_schema_versions, p_effective, p_by, p_subjects,
                    p_correlations, p_causations, p_data, p_metadata) with ordinality
             u(aggregate_id, ordinal, id, type, schema_version, effective, by, subject, correlation, causation, data, metadata, place)
        join heads on heads.id = u.aggregate_id
       order by u.place
      on conflict do nothing
      returning position)
    select count(*), min(position), max(position) into inserted, first_position, last_position from added;

    if inserted = 0 then  -- the same events again, or somebody else was faster
      select count(*), count(*) filter (where e.event_type = u.type and e.data = u.data and e.aggregate_id = u.aggregate_id),
             min(e.position), max(e.position)
        into inserted, same, first_position, last_position
        from unnest(p_ids, p_types, p_data, p_aggregate_ids) u(id, type, data, aggregate_id) join events e on e.id = u.id;
      if inserted = n and same = n then
        outcome := 'duplicate';
        return;
      elsif inserted > 0 then
        raise exception 'an event id was used before with other content' using errcode = 'JV410';
      end if;
      raise exception 'a stream moved on' using errcode = 'JV409';
    elsif inserted < n then
      raise exception 'a stream moved on' using errcode = 'JV409';
    end if;
  end if;

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
    select * from unnest(p_commands, p_hashes, p_responses) on conflict do nothing;
    get diagnostics inserted = row_count;
    if inserted < cardinality(p_commands) then
      raise exception 'a command was answered before' using errcode = 'JV411';
    end if;
  end if;

  delete from unique_claims c using unnest(p_unclaim_scopes, p_unclaim_keys, p_unclaim_ids) u(scope, key, id)
   where c.scope = u.scope and c.key = u.key and c.aggregate_id = u.id;
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
comment on function jovey.append is 'The only way in: events of many streams, their folded states, receipts and claims, all or nothing.';

create function jovey.load(p_shared uuid[], p_locked uuid[]) returns setof jovey.states
language plpgsql security definer set search_path = jovey, pg_temp as $$
begin
  -- Shared ones first (products, price lists, customers), then those about to change: each group in id order, so that
  -- the order of locks is total and two commands cannot wait for one another.
  return query select * from states s where s.aggregate_id = any (p_shared) order by s.aggregate_id for share;
  return query select * from states s where s.aggregate_id = any (p_locked) order by s.aggregate_id for update;
end $$;
comment on function jovey.load is 'The folded states a command reads, locked until its transaction ends.';

alter table jovey.events owner to jovey_owner;
alter table jovey.states owner to jovey_owner;
alter table jovey.command_receipts owner to jovey_owner;
alter table jovey.unique_claims owner to jovey_owner;
alter table jovey.tail_cuts owner to jovey_owner;
alter function jovey.append owner to jovey_owner;
alter function jovey.load owner to jovey_owner;
alter function jovey.refuse_mutation owner to jovey_owner;

revoke all on all tables in schema jovey from public;
revoke execute on all functions in schema jovey from public;
grant usage on schema jovey to jovey_append, jovey_read, jovey_tail, jovey_erase, jovey_agent, jovey_lake;
grant select on jovey.events, jovey.states, jovey.command_receipts, jovey.unique_claims to jovey_append, jovey_read;
grant select on jovey.events to jovey_tail, jovey_agent;
grant select on jovey.states to jovey_tail;
grant execute on function jovey.append, jovey.load to jovey_append;
grant select, insert, update on jovey.tail_cuts to jovey_tail;
grant select on jovey.tail_cuts to jovey_append, jovey_read;

-- The lake's catalog lives beside the log, in a schema of its own.
create schema lake authorization jovey_lake;
grant usage on schema lake to jovey_lake_read;
alter default privileges for role jovey_lake in schema lake grant select on tables to jovey_lake_read;
