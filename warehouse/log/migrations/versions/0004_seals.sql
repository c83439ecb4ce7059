-- Tamper evidence: one signed Merkle root for each cut, chained. Design: docs/decisions/0023-seal-and-retention.md.

create table jovey.seals (
  number         bigint       not null constraint seals_pkey primary key,
  form           smallint     not null,
  cut_from       pg_snapshot  not null,
  cut_to         pg_snapshot  not null,
  event_count    bigint       not null,
  merkle_root    bytea        not null,
  previous_hash  bytea        not null,
  sealed_at      timestamptz  not null,
  public_key     bytea        not null,
  signature      bytea        not null,
  constraint seals_number_check check (number > 0),
  constraint seals_event_count_check check (event_count > 0),
  constraint seals_lengths_check check (
    (octet_length(merkle_root), octet_length(previous_hash), octet_length(public_key), octet_length(signature))
      = (32, 32, 32, 64))
);
comment on table jovey.seals is 'For each cut of the log the root of its events'' hashes, signed, with the hash of the seal before. Only grows.';

create table jovey.seal_leaves (
  number  bigint   not null constraint seal_leaves_seal_fkey references jovey.seals deferrable initially deferred,
  place   integer  not null,
  leaves  bytea    not null,
  constraint seal_leaves_pkey primary key (number, place)
);
alter table jovey.seal_leaves alter column leaves set storage external;  -- hashes do not compress
comment on table jovey.seal_leaves is 'What each seal''s root was made of, in the order of the cut: position, id, leaf hash, two bytes for each column. Only grows.';

create function jovey.refuse_seal_mutation() returns trigger language plpgsql as $$
begin
  raise exception 'jovey.% is append-only (% refused)', tg_table_name, tg_op using errcode = 'JV403';
end $$;
create trigger seals_append_only before update or delete or truncate on jovey.seals
  for each statement execute function jovey.refuse_seal_mutation();
create trigger seal_leaves_append_only before update or delete or truncate on jovey.seal_leaves
  for each statement execute function jovey.refuse_seal_mutation();
alter table jovey.seals enable always trigger seals_append_only;
alter table jovey.seal_leaves enable always trigger seal_leaves_append_only;

alter table jovey.seals owner to jovey_owner;
alter table jovey.seal_leaves owner to jovey_owner;
alter function jovey.refuse_seal_mutation owner to jovey_owner;
revoke all on jovey.seals, jovey.seal_leaves from public;
revoke execute on function jovey.refuse_seal_mutation from public;
grant select, insert on jovey.seals, jovey.seal_leaves to jovey_tail;
grant select on jovey.seals, jovey.seal_leaves to jovey_read;
