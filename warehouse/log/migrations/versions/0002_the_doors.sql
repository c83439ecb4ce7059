-- What the HTTP doors need beside the log. Secrets are no facts: they are replaced and forgotten, so they stand outside it.

create table jovey.credentials (
  person_id      uuid         not null constraint credentials_pkey primary key,
  password_hash  text         not null,
  changed_at     timestamptz  not null
);
comment on table jovey.credentials is 'The argon2id hash of each person''s password; who the person is stands in jovey.states.';

create table jovey.sessions (
  id              uuid         not null constraint sessions_pkey primary key,
  person_id       uuid         not null,
  created_at      timestamptz  not null,
  expires_at      timestamptz  not null,
  revoked_at      timestamptz,
  revoked_because varchar(40)
);
create index sessions_person_idx on jovey.sessions (person_id);
comment on table jovey.sessions is 'One sign-in: the family of its refresh tokens. Every access token names its session, so revoking works at once.';

create table jovey.refresh_tokens (
  token_hash  bytea        not null constraint refresh_tokens_pkey primary key,
  session_id  uuid         not null constraint refresh_tokens_session_fkey references jovey.sessions on delete cascade,
  issued_at   timestamptz  not null,
  used_at     timestamptz
);
create index refresh_tokens_session_idx on jovey.refresh_tokens (session_id);
comment on table jovey.refresh_tokens is 'SHA-256 of each refresh token. Each works once; a used one that comes again revokes its session.';

-- Lists show the newest first. Neither column ever changes, so updates of states stay heap-only.
create index states_newest_idx on jovey.states (aggregate_type, created_at desc, aggregate_id desc);

-- An invoice or a credit note is the fact that issued it: immutable, found by its id, listed by its place in the log.
create index events_invoice_idx on jovey.events (((data ->> 'invoice_id')::uuid)) where event_type = 'invoice.generated';
create index events_invoices_idx on jovey.events (position) where event_type = 'invoice.generated';

alter table jovey.credentials owner to jovey_owner;
alter table jovey.sessions owner to jovey_owner;
alter table jovey.refresh_tokens owner to jovey_owner;
grant select, insert, update on jovey.credentials, jovey.sessions, jovey.refresh_tokens to jovey_append;
grant select on jovey.alembic_version to jovey_append, jovey_read;
