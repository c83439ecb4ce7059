-- What is written about people is hidden under a key of their own. Erasing a person is deleting that key; the facts stay.
-- Design and limits: docs/decisions/0024-erasure.md.

create table jovey.person_keys (
  key_id       uuid         not null constraint person_keys_pkey primary key,
  person_id    uuid         not null constraint person_keys_person_key unique,
  wrapped_key  bytea        not null,
  master_id    varchar(100) not null,
  created_at   timestamptz  not null default now()
);
comment on table jovey.person_keys is 'The key that hides what is written about a person, wrapped by a master key that is not in the database.';
alter table jovey.person_keys owner to jovey_owner;
grant select, insert on jovey.person_keys to jovey_append;
grant select on jovey.person_keys to jovey_read;

-- Erasing appends a fact and destroys the key in one transaction: who erases may append too, but who appends may not erase.
grant select on jovey.events, jovey.states, jovey.command_receipts, jovey.unique_claims, jovey.person_keys to jovey_erase;
grant execute on function jovey.append, jovey.load to jovey_erase;
grant delete on jovey.person_keys, jovey.credentials, jovey.sessions to jovey_erase;
grant select (person_id) on jovey.credentials, jovey.sessions to jovey_erase;
